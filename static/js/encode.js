// What may be published, checked before it is kept: what the server would refuse for ever must not block what follows.
(function (anywire) {
  'use strict';

  var MAX_BYTES = 65536; // a text has at least as many bytes as characters; the server counts exactly

  /** {text} or {error}. */
  anywire.encode = function (data) {
    var text;
    try { text = JSON.stringify(data); } catch (cycle) { /* as with a function: no JSON */ }
    if (!text) { return {error: {code: 'bad-data', message: 'This is not a JSON value.'}}; }
    return text.length > MAX_BYTES ? {error: {code: 'too-large', message: 'This is more than 64 KiB.'}} : {text: text};
  };
}(anywire));
