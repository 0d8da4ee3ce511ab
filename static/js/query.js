// Query strings: written for the wires, read from the page's address.
(function (anywire) {
  'use strict';

  /** *pairs* is a list of [name, value]; those without a value are left out. */
  anywire.query = function (pairs) {
    var parts = [];
    anywire.each(pairs, function (pair) {
      if (pair[1]) { parts.push(pair[0] + '=' + encodeURIComponent(pair[1])); }
    });
    return parts.join('&');
  };

  // `?transport=NAME` of any page forces one. Addresses come as people paste them: with the question mark doubled,
  // with ';' between pairs, with a slash at the end; a name that isn't ours forces nothing.
  anywire.forced = function (search) {
    var match = /[?&;]transport=([a-z-]+)/.exec(search);
    return match && anywire.has(anywire.PREFERENCE, match[1]) ? match[1] : '';
  };
}(anywire));
