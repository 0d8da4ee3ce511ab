// Why a wire failed, as one word; `attempts` shows it after the transport's name: "websocket.swallowed".
//   blocked         refused or cut before anything came    swallowed  no answer at all
//   silent          opened, then nothing more came         buffered   the event stream is held back whole on the way
//   one-behind      each event is held until the next      delayed    events come late by delayMs
//   flapping        opens and breaks within seconds        cut        ended on the way after cutMs of silence
//   lost            worked, then broke                     refused    an HTTP status that isn't the server's own
//   captive-portal  a page came instead of JSON            forbidden  401 or 403
//   overloaded      429                                    draining   503, goaway: about to stop
//   offline         no wire and no request gets through    disabled   left out by the operator
//   unsupported     the browser lacks it                   too-long   more channels than its URL can name
//   closed          by the page                            slower, superseded: another wire served better
(function (anywire) {
  'use strict';

  anywire.PREFERENCE = ['websocket', 'sse', 'long-poll', 'short-poll'];

  /** Codes of the server's table that say: the same request may succeed later. */
  anywire.isTransient = function (code) {
    return /^(rate-limited|too-many-connections|after-refused|internal|unavailable|draining)$/.test(code);
  };

  /** Whether the same request may succeed later, for all that its answer says. */
  anywire.mayRetry = function (result) {
    return result.status < 400 || result.status >= 500 || result.status === 429 || result.isRetry;
  };

  /** The error of an answer: the server's own words where they are there. */
  anywire.errorOf = function (result) {
    return (result.body && result.body.error) ||
      {code: result.status ? 'http-' + result.status : 'network', message: 'HTTP ' + result.status};
  };

  /**
   * What an answer to a poll says of the wire: {why, isAlive, isNetwork, retryMs, error}.
   * isAlive: the server itself answered and asks for patience, so no other wire would do better.
   */
  anywire.reasonOf = function (result) {
    var status = result.status;
    var error = anywire.errorOf(result);
    var isAlive = status === 429 || status === 503;
    return {
      error: error,
      retryMs: result.retryMs,
      isAlive: isAlive,
      isNetwork: !status || status === 502 || status === 504, // a gateway says so of a server that it doesn't reach
      why: !status ? (result.isTimeout ? 'swallowed' : 'blocked') :
        isAlive ? (status === 429 ? 'overloaded' : 'draining') :
        status < 400 ? (result.body ? 'ok' : 'captive-portal') :
        error.code === 'transport-disabled' ? 'disabled' :
        (status === 401 || status === 403) && result.body ? 'forbidden' : 'refused' // a box says 403 in HTML
    };
  };
}(anywire));
