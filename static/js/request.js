// One HTTP request by XMLHttpRequest: it ends once, with an answer, a failure or a time-out, and never after abort().
(function (anywire) {
  'use strict';

  /**
   * options: url, body (then it is a POST), contentType, token, isForeign, timeoutMs.
   * done({status, body, retryMs, isTimeout}): status 0 where nothing came, body null where it isn't JSON.
   */
  anywire.request = function (env, options, done) {
    var xhr = new env.XMLHttpRequest();
    var timer;

    function stop() {
      xhr.onreadystatechange = function () {};
      env.clearTimeout(timer);
      try { xhr.abort(); } catch (notStarted) { /* nothing to stop */ }
    }

    function finish(isTimeout) {
      var result = {status: 0, body: null, isTimeout: isTimeout};
      try {
        result.status = isTimeout ? 0 : xhr.status;
        result.body = JSON.parse(xhr.responseText);
      } catch (notJson) { /* or nothing at all */ }
      try {
        result.retryMs = parseFloat(xhr.getResponseHeader('Retry-After')) * 1000 || undefined;
      } catch (hidden) { /* another origin doesn't expose it */ }
      stop();
      done(result);
    }

    xhr.onreadystatechange = function () { if (xhr.readyState === 4) { finish(false); } };
    timer = env.setTimeout(function () { finish(true); }, options.timeoutMs);
    try {
      xhr.open(options.body ? 'POST' : 'GET', options.url, true);
      xhr.withCredentials = options.isForeign;
      if (options.body) { xhr.setRequestHeader('Content-Type', options.contentType); }
      if (options.token) { xhr.setRequestHeader('Authorization', 'Bearer ' + options.token); }
      xhr.send(options.body || null);
    } catch (refused) {
      env.clearTimeout(timer);
      timer = env.setTimeout(function () { finish(false); }, 0);
    }
    return {abort: stop};
  };
}(anywire));
