// The visitor's name, shown and changed in place.
(function (pages) {
  'use strict';
  var t = pages.t;

  /** *rename(name, callback(error))* asks the server. */
  pages.ownName = function (rename) {
    var shown = pages.find('name-shown');
    var edit = pages.find('name-edit');
    var form = pages.find('name-form');
    var input = pages.find('name-text');
    var notice = pages.find('name-notice');

    function open(isOpen) {
      pages.show(form, isOpen);
      pages.show(shown, !isOpen);
      edit.setAttribute('aria-expanded', String(isOpen));
      if (isOpen) { input.focus(); input.select(); } else { edit.focus(); }
    }

    function save(event) {
      var name = input.value.replace(/^\s+|\s+$/g, '');
      pages.stop(event);
      if (!name) { input.focus(); return; }
      rename(name, function (error) {
        if (error) {
          pages.setText(notice, t('The name was not changed: {reason}', {reason: pages.errorWords(error)}));
        } else {
          pages.setText(notice, '');
          open(false);
        }
      });
    }

    pages.listen(edit, 'click', function () { open(true); });
    pages.listen(pages.find('name-cancel'), 'click', function () { open(false); });
    pages.listen(form, 'submit', save);
    pages.listen(form, 'keydown', function (event) {
      if (event.keyCode === 27) { open(false); }
    });

    return {
      show: function (user) {
        pages.setText(pages.find('name'), user.name);
        if (!pages.isShown(form)) { input.value = user.name; }
      }
    };
  };
}(window.AnywirePages));
