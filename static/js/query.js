// Query strings: written for the wires, read from the page's address.
(function (anywire) {
  'use strict';

  /** *pairs* is a list of [name, value]; those whose value is undefined are left out. */
  anywire.query = function (pairs) {
    var parts = [];
    for (var i = 0; i < pairs.length; i += 1) {
      if (pairs[i][1] !== undefined && pairs[i][1] !== '') {
        parts.push(pairs[i][0] + '=' + encodeURIComponent(pairs[i][1]));
      }
    }
    return parts.join('&');
  };

  // `?transport=NAME` of any page forces one. Seen in the wild: '??', ';' between pairs, and an address that was
  // pasted with its question mark twice; a name that isn't ours forces nothing.
  anywire.forced = function (search) {
    var match = /[?&;]transport=([a-z-]+)/i.exec(search);
    var name = match ? match[1].toLowerCase() : '';
    return anywire.indexOf(anywire.PREFERENCE, name) < 0 ? '' : name;
  };
}(anywire));
