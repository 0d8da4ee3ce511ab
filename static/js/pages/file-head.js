// The names of a file's fields, read from its beginning in the browser: a glance at whether it is the right file, and
// what its records can be counted by afterwards.
(function (pages) {
  'use strict';
  var HEAD_BYTES = 65536;
  var MOST_SHOWN = 50; // the server's limit
  var SEPARATORS = [',', ';', '\t', '|'];

  // As the server chooses: the one that occurs most in the first line, outside quotes.
  function separatorOf(firstLine) {
    var line = firstLine.replace(/"[^"]*"/g, '');
    var best = SEPARATORS[0];
    for (var i = 1; i < SEPARATORS.length; i += 1) {
      if (line.split(SEPARATORS[i]).length > line.split(best).length) { best = SEPARATORS[i]; }
    }
    return best;
  }

  // RFC 4180: a field may stand in quotes, which are doubled within.
  function csvNames(text) {
    var line = /^[^\r\n]*/.exec(text)[0];
    var separator = separatorOf(line);
    var names = [];
    var name = '';
    var isQuoted = false;
    for (var i = 0; i < line.length; i += 1) {
      var letter = line.charAt(i);
      if (letter === '"') {
        isQuoted = !isQuoted;
        if (isQuoted && line.charAt(i - 1) === '"') { name += '"'; }
      } else if (letter === separator && !isQuoted) {
        names.push(name);
        name = '';
      } else {
        name += letter;
      }
    }
    return names.concat(name);
  }

  // The fields of the first record: an object that holds no other.
  function jsonNames(text) {
    var record = /\{[^{}]*\}/.exec(text);
    var names = [];
    try {
      var first = JSON.parse(record ? record[0] : '{}');
      for (var name in first) {
        if (Object.prototype.hasOwnProperty.call(first, name)) { names.push(name); }
      }
    } catch (broken) { /* the server will say what is wrong */ }
    return names;
  }

  pages.fieldNames = function (text) {
    var names = /^\s*[\[{]/.test(text) ? jsonNames(text) : csvNames(text.replace(/^\uFEFF/, ''));
    var kept = [];
    for (var i = 0; i < names.length && kept.length < MOST_SHOWN; i += 1) {
      var name = names[i].replace(/^\s+|\s+$/g, '');
      if (name) { kept.push(name); }
    }
    return kept;
  };

  /** done(names); none where the browser can't read files. */
  pages.fileHead = function (file, done) {
    var reader = window.FileReader && new window.FileReader();
    if (!reader || !file.slice) {
      done([]);
      return;
    }
    reader.onload = function () { done(pages.fieldNames(String(reader.result))); };
    reader.onerror = function () { done([]); };
    reader.readAsText(file.slice(0, HEAD_BYTES));
  };
}(window.AnywirePages));
