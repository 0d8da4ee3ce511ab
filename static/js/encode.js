// What may be published, checked before it is kept: what the server would refuse for ever must not block what follows.
(function (anywire) {
  'use strict';

  var MAX_BYTES = 65536;

  function sizeBytes(text) {
    // The percent-encoding of UTF-8 is three characters a byte, but for ASCII, which it mostly leaves alone.
    return encodeURIComponent(text).replace(/%[0-9A-F]{2}/g, '_').length;
  }

  /** {text} or {error}. */
  anywire.encode = function (data, limits) {
    var most = (limits && limits.message) || MAX_BYTES;
    var text;
    try {
      text = JSON.stringify(data);
      if (text !== undefined && sizeBytes(text) > most) {
        return {error: {code: 'too-large', message: 'A message has at most ' + most + ' bytes.'}};
      }
    } catch (error) { // a cycle, or half of a surrogate pair
      return {error: {code: 'bad-data', message: String(error.message || error)}};
    }
    return text === undefined ? {error: {code: 'bad-data', message: 'This is not a JSON value.'}} : {text: text};
  };
}(anywire));
