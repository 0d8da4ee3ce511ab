// What the server says in English of a row or a file that it refuses, in the visitor's language. Each sentence here is the
// server's own, with {names} for what varies; one that isn't here is shown as it came.
(function (pages) {
  'use strict';
  var known = [];

  // Under this name, so that the server finds the strings to translate here, too.
  function t(sentence) {
    known.push({sentence: sentence, translated: pages.t(sentence)});
  }

  t('the header has {names} fields, this record {count}.');
  t('it takes more than {most} characters.');
  t('a quote is opened and not closed within {most} characters.');
  t('it is not UTF-8. Save the file as UTF-8.');
  t('A record is an object with at least one field.');
  t('The record has {count} fields; {most} at most.');
  t('The record takes {count} bytes as compact JSON; {most} at most.');
  t('The record takes more than {most} bytes as JSON.');
  t('The record has {name} more than once.');
  t('The record holds {name}, which JSON doesn\'t have.');
  t('The record holds a number of too many digits.');
  t('The record is nested too deeply; a field holds text, a number, true, false or null.');
  t('The record is not UTF-8, from its byte {byte} on.');
  t('The record is not JSON: {why}, at its character {place}.');
  t('A field\'s name has 1 to {most} characters, not only spaces, and no NUL: {name}.');
  t('{name} holds a list or an object; a field holds text, a number, true, false or null.');
  t('{name} holds an integer of more than 64 bits.');
  t('{name} holds a number beyond what a double holds.');
  t('{name} holds half of a character (a lone surrogate).');
  t('The file is UTF-16: save it as UTF-8.');
  t('The file is empty: a CSV file begins with a line of names.');
  t('The file is empty.');
  t('The file that was sent is no longer there: send it again.');
  t('The first line names the fields, each differently: {names}');
  t('The first line can\'t be read: it names the fields.');
  t('The first line is not UTF-8: save the file as UTF-8. It reads {names}');
  t('The file has more than {most} rows.');
  t('The file is not JSON: it begins neither with [ nor with {start}.');
  t('The JSON is an object without an array called {name}.');
  t('The JSON has two arrays called {name}.');
  t('The JSON is cut: it ends in the middle, after {count} records.');
  t('The JSON is broken after {count} records: {why}.');
  t('Something follows the end of the JSON, at byte {byte}.');
  t('Item {number} takes more than {most} bytes.');
  t('The result takes more than {most} bytes.');
  t('This server has no task {name}.');
  t('The task was interrupted {count} times.');
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
    var line = /^Line (\d+): ([\s\S]*)$/.exec(said);
    if (line) { return pages.t('Line {line}: {what}', {line: line[1], what: pages.serverSentence(line[2])}); }
    for (var i = 0; i < known.length; i += 1) {
      var found = pattern(known[i].sentence).exec(said);
      if (found) { return fill(known[i], found); }
    }
    return said;
  };
}(window.AnywirePages));
