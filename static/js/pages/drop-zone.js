// Choosing a file: by drag and drop anywhere on the page, by the dialog, or the sample. What can't be imported is said
// before it is sent.
(function (pages) {
  'use strict';
  var t = pages.t;
  var TABLES = /\.(xlsx?|xlsm|xlsb|ods|numbers)$/i;
  var NO_TEXT = /\.(zip|gz|7z|rar|pdf|docx?|pptx?|png|jpe?g|gif|exe)$/i;

  /** Why *file* can't be imported, or ''. */
  pages.whyNotImport = function (file, maxBytes) {
    var values = {name: file.name, size: pages.size(file.size), most: pages.size(maxBytes)};
    if (TABLES.test(file.name)) { return t('{name} is a spreadsheet. Save it as CSV first, and import that.', values); }
    if (NO_TEXT.test(file.name)) { return t('{name} is neither CSV nor JSON.', values); }
    if (file.size === 0) { return t('{name} is empty.', values); }
    if (file.size > maxBytes) { return t('{name} has {size}; an import takes {most} at most.', values); }
    return '';
  };

  /** host: maxBytes, sample (its URL), isActive(), chosen(file) with null where there is none any more. */
  pages.dropZone = function (host) {
    var zone = pages.find('drop');
    var input = pages.find('file');
    var notice = pages.find('file-notice');
    var sample = pages.find('sample');
    var leaving = null;

    function take(file, more) {
      var why = file ? pages.whyNotImport(file, host.maxBytes) : '';
      pages.setText(notice, why || (more ? t('One file at a time: this is the first of them.') : ''));
      pages.setClass(zone, 'has-file', !!file && !why);
      pages.show(pages.find('chosen'), !!file && !why);
      pages.show(pages.find('none-chosen'), !file || !!why);
      pages.show(pages.find('sample-line'), !file || !!why);
      if (file && !why) { showFile(file); }
      host.chosen(why ? null : file);
    }

    function showFile(file) {
      pages.setText(pages.find('chosen-name'), file.name);
      pages.setText(pages.find('chosen-size'), pages.size(file.size));
      pages.setText(pages.find('chosen-fields'), '');
      pages.fileHead(file, function (names) {
        if (names.length) { pages.setText(pages.find('chosen-fields'), t('Fields: {names}', {names: names.join(', ')})); }
      });
    }

    // --- drag and drop: a file let fall beside the zone would otherwise replace the page

    function holdsFiles(event) {
      var types = event.dataTransfer && event.dataTransfer.types;
      for (var i = 0; types && i < types.length; i += 1) {
        if (types[i] === 'Files') { return true; }
      }
      return false;
    }

    function mark(isOver) { pages.setClass(zone, 'over', isOver); }

    function over(event) {
      if (!holdsFiles(event)) { return; }
      pages.stop(event);
      clearTimeout(leaving);
      event.dataTransfer.dropEffect = host.isActive() ? 'copy' : 'none';
      mark(host.isActive());
    }

    function drop(event) {
      var files = event.dataTransfer && event.dataTransfer.files;
      if (!holdsFiles(event)) { return; }
      pages.stop(event);
      mark(false);
      if (host.isActive() && files.length) {
        input.value = '';
        take(files[0], files.length > 1);
        pages.find('start').focus();
      }
    }

    // Leaving one element for another of the page comes as leave, then over.
    function leave() {
      clearTimeout(leaving);
      leaving = setTimeout(function () { mark(false); }, 100);
    }

    function takeSample() {
      var xhr = new window.XMLHttpRequest();
      sample.disabled = true;
      pages.setText(sample, t('Loading…'));
      xhr.onreadystatechange = function () {
        if (xhr.readyState !== 4) { return; }
        sample.disabled = false;
        pages.setText(sample, t('Take the sample'));
        if (xhr.status !== 200) {
          pages.setText(notice, pages.errorWords({code: xhr.status ? 'http-' + xhr.status : 'network'}));
          return;
        }
        var file = new window.Blob([xhr.responseText], {type: 'text/csv'});
        file.name = 'sample.csv';
        take(file, false);
        pages.find('start').focus();
      };
      xhr.open('GET', host.sample, true);
      xhr.send();
    }

    function takeChosen() {
      if (input.files && input.files.length) { take(input.files[0], false); }
    }

    pages.listen(input, 'change', takeChosen);
    pages.listen(document, 'dragenter', over);
    pages.listen(document, 'dragover', over);
    pages.listen(document, 'dragleave', leave);
    pages.listen(document, 'drop', drop);
    pages.listen(sample, 'click', takeSample);
    takeChosen(); // a browser that was reloaded or went back may have kept it

    return {
      /** Why nothing was started. */
      say: function (text) { pages.setText(notice, text); }
    };
  };
}(window.AnywirePages));
