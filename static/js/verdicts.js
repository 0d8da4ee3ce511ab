// Why a wire failed, as one word; `attempts` shows it after the transport's name: "websocket.swallowed".
//   blocked         refused or cut before anything came    swallowed  no answer at all
//   silent          opened, then nothing more came         buffered   the event stream is held back on the way
//   flapping        opens and breaks within seconds        cut        held answers are cut off
//   lost            worked, then broke                     refused    an HTTP status that isn't the server's own
//   captive-portal  a page came instead of JSON            forbidden  401 or 403
//   overloaded      429                                    draining   503, goaway: about to stop
//   offline         no wire and no request gets through    disabled   left out by the operator
//   unsupported     the browser lacks it                   too-long   more channels than its URL can name
//   closed          by the page                            slower, superseded: another wire served better
(function (anywire) {
  'use strict';

  anywire.PREFERENCE = ['websocket', 'sse', 'long-poll', 'short-poll'];

  // Codes of the server's table that say: the same request may succeed later.
  var TRANSIENT = /^(rate-limited|too-many-connections|after-refused|internal|unavailable|draining)$/;

  anywire.isTransient = function (code) { return TRANSIENT.test(code); };

  // The error of an answer: the server's own words where they are there.
  anywire.errorOf = function (result) {
    var body = result.body || {};
    var error = body.error || {};
    return {
      code: error.code || (result.status ? 'http-' + result.status : 'network'),
      message: error.message || (result.status ? 'HTTP ' + result.status : 'The server could not be reached.'),
      field: error.field,
      status: result.status
    };
  };

  /**
   * What the failed answer of a poll says: {why, isAlive, retryMs, code}.
   * isAlive: the server itself answered and asks for patience, so no other wire would do better.
   */
  anywire.reasonOf = function (result) {
    var status = result.status;
    var error = anywire.errorOf(result);
    var reason = {why: 'refused', code: error.code, message: error.message, retryMs: result.retryMs};
    if (!status) {
      reason.why = result.isTimeout ? 'swallowed' : 'blocked';
      reason.isNetwork = true;
    } else if (status === 429 || status === 503) {
      reason.why = status === 429 ? 'overloaded' : 'draining';
      reason.isAlive = true;
    } else if ((status === 401 || status === 403) && result.body) {
      reason.why = 'forbidden'; // by our server; a box says it in HTML
    } else if (status < 400) {
      reason.why = 'captive-portal';
    } else if (error.code === 'transport-disabled') {
      reason.why = 'disabled';
    } else if (status === 502 || status === 504) {
      reason.isNetwork = true; // a gateway that doesn't reach the server
    }
    return reason;
  };
}(anywire));
