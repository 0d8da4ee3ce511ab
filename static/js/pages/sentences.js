// What the server says in English of a row or a file that it refuses, in the visitor's language. Each sentence here is the
// server's own, with {names} for what varies; one that isn't here is shown as it came.
(function (pages) {
  'use strict';
  var known = [];

  // Under this name, so that the server finds the strings to translate here, too.
  function t(sentence) {
    known.push({sentence: sentence, translated: pages.t(sentence)});
  }

  t('Line {line} has {count} fields, the header {names}.');
  t('A record is an object with at least one field.');
  t('The record has {count} fields; {most} at most.');
  t('The record takes {count} bytes; {most} at most.');
  t('A field\'s name has 1 to {most} characters: {name}.');
  t('{name} holds a list or an object; a field holds text, a number, true, false or null.');
  t('{name} holds an integer of more than 64 bits.');
  t('{name} holds half of a character.');
  t('The file is not JSON: it begins neither with [ nor with {start}.');
  t('The JSON is an object without an array called "records".');
  t('The JSON is broken: {why}');
  t('The file is not UTF-8, from byte {byte} of a part on: save it as UTF-8.');
  t('The CSV can\'t be read: {why}.');
  t('The file is empty: a CSV file begins with a line of names.');
  t('The first line names the fields, each differently: {names}');
  t('The file has more than {most} rows.');
  t('The file is empty.');
  t('The task took too long.');
  t('The task broke down; the fault was logged.');

  function pattern(sentence) {
    return new RegExp('^' + sentence.replace(/[\[\]().*+?^$|\\]/g, '\\$&').replace(/\{\w+\}/g, '([\\s\\S]*?)') + '$');
  }

  function fill(entry, found) {
    var names = entry.sentence.match(/\{\w+\}/g) || [];
    return entry.translated.replace(/\{\w+\}/g, function (name) {
      for (var i = 0; i < names.length; i += 1) {
        if (names[i] === name) { return found[i + 1]; }
      }
      return name;
    });
  }

  pages.serverSentence = function (said) {
    for (var i = 0; i < known.length; i += 1) {
      var found = pattern(known[i].sentence).exec(said);
      if (found) { return fill(known[i], found); }
    }
    return said;
  };
}(window.AnywirePages));
