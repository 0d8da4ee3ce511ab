// The fields for the choices of a new vote. Enter goes to the next or adds one, Backspace in an empty one takes it away,
// and pasted lines become a choice each.
(function (pages) {
  'use strict';
  var t = pages.t;
  var ENTER = 13;
  var BACKSPACE = 8;

  function trim(text) { return text.replace(/^\s+|\s+$/g, ''); }

  /** limits: least and most choices, and how long one may be. */
  pages.choiceFields = function (limits) {
    var list = pages.find('choices');
    var add = pages.find('add');
    var said = pages.find('choices-said');

    function items() { return list.childNodes; }
    function inputOf(item) { return item.getElementsByTagName('input')[0]; }

    function indexOf(item) {
      for (var i = 0; i < items().length; i += 1) {
        if (items()[i] === item) { return i; }
      }
      return -1;
    }

    // Names and numbers follow the order.
    function number() {
      for (var i = 0; i < items().length; i += 1) {
        inputOf(items()[i]).setAttribute('aria-label', t('Choice {number}', {number: i + 1}));
        var remove = items()[i].getElementsByTagName('button')[0];
        remove.setAttribute('aria-label', t('Remove choice {number}', {number: i + 1}));
        remove.disabled = items().length <= limits.least;
      }
      pages.show(add, items().length < limits.most);
    }

    function make(text) {
      var item = pages.make('li', 'choice-field');
      var input = pages.make('input');
      input.setAttribute('type', 'text');
      input.setAttribute('maxlength', limits.choice);
      input.setAttribute('dir', 'auto');
      input.setAttribute('aria-describedby', 'choices-notice');
      input.value = text.slice(0, limits.choice);
      item.appendChild(input);
      item.appendChild(pages.button('remove', '×', function () { remove(item); }));
      pages.listen(input, 'keydown', function (event) { onKey(event, item); });
      pages.listen(input, 'paste', function (event) { onPaste(event, item); });
      pages.listen(input, 'input', function () { input.removeAttribute('aria-invalid'); });
      return item;
    }

    function insert(text, before) {
      if (items().length >= limits.most) { return null; }
      var item = list.insertBefore(make(text), before);
      number();
      return item;
    }

    function focusOn(item) { if (item) { inputOf(item).focus(); } }

    function remove(item) {
      var neighbour = item.previousSibling || item.nextSibling;
      if (items().length <= limits.least) { return; }
      pages.setText(said, t('Choice {number} is gone.', {number: indexOf(item) + 1}));
      list.removeChild(item);
      number();
      focusOn(neighbour);
    }

    function onKey(event, item) {
      if (event.keyCode === ENTER && !event.ctrlKey && !event.metaKey && !event.isComposing) {
        pages.stop(event);
        focusOn(item.nextSibling || insert('', null));
      } else if (event.keyCode === BACKSPACE && !inputOf(item).value && items().length > limits.least) {
        pages.stop(event);
        remove(item);
      }
    }

    function onPaste(event, item) {
      var clipboard = event.clipboardData || window.clipboardData;
      var text = clipboard ? clipboard.getData('Text') || clipboard.getData('text/plain') : '';
      var lines = [];
      var parts = text.split(/[\r\n]+/);
      for (var i = 0; i < parts.length; i += 1) {
        if (trim(parts[i])) { lines.push(trim(parts[i])); }
      }
      if (lines.length < 2) { return; }
      pages.stop(event);
      inputOf(item).value = (inputOf(item).value + lines[0]).slice(0, limits.choice);
      for (var last = item, j = 1; j < lines.length && last; j += 1) {
        var next = last.nextSibling;
        if (next && !inputOf(next).value) {
          inputOf(next).value = lines[j].slice(0, limits.choice);
          last = next;
        } else {
          last = insert(lines[j], next);
        }
      }
      focusOn(last || list.lastChild);
    }

    // The server's fields have no button each; what was typed in them stays.
    function replace() {
      var served = list.getElementsByTagName('input');
      var texts = [];
      for (var i = 0; i < served.length; i += 1) {
        if (trim(served[i].value)) { texts.push(served[i].value); }
      }
      pages.empty(list);
      for (var j = 0; j < texts.length || j < limits.least; j += 1) { insert(texts[j] || '', null); }
    }

    pages.listen(add, 'click', function () { focusOn(insert('', null)); });
    replace();

    return {
      /** The choices that say something. */
      values: function () {
        var values = [];
        for (var i = 0; i < items().length; i += 1) {
          var text = trim(inputOf(items()[i]).value);
          if (text) { values.push(text); }
        }
        return values;
      },
      /** Marks and focuses the first field that is empty, or says what an earlier one says. */
      focusFault: function () {
        var seen = {};
        for (var i = 0; i < items().length; i += 1) {
          var input = inputOf(items()[i]);
          var text = ' ' + trim(input.value).replace(/\s+/g, ' ');
          if (text === ' ' || seen.hasOwnProperty(text)) {
            input.setAttribute('aria-invalid', 'true');
            input.focus();
            return;
          }
          seen[text] = true;
        }
      }
    };
  };
}(window.AnywirePages));
