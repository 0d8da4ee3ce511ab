// The visitor's language in scripts. English is written where it is shown, as t(…) with single quotes: the server
// finds these strings in the sources and sends their translations along with the page.
(function (pages) {
  'use strict';
  var strings = pages.block('anywire-strings');

  /** *text* in the page's language; {name} in it is replaced by values.name. */
  pages.t = function (text, values) {
    var found = strings.hasOwnProperty(text) ? strings[text] : text;
    return found.replace(/\{(\w+)\}/g, function (whole, name) {
      return values && values.hasOwnProperty(name) ? String(values[name]) : whole;
    });
  };

  pages.language = document.documentElement.lang || 'en';
}(window.AnywirePages));
