// One HTTP request, by XMLHttpRequest or fetch: it ends once, with an answer, a failure or a time-out, and never after abort().
(function (anywire) {
  'use strict';

  /**
   * options: url, body (then it is a POST), contentType, token, isForeign, timeoutMs; text(piece) to be given the answer as
   * it comes, quietMs how long it may pause then, isFetch.
   * done({status, body, retryMs, isTimeout}): status 0 where nothing came, body null where it isn't JSON.
   */
  anywire.request = function (env, options, done) {
    var xhr = options.isFetch ? anywire.fetcher(env, take) : new env.XMLHttpRequest();
    var seen = 0;
    var timer;

    function expect(ms) {
      env.clearTimeout(timer);
      timer = env.setTimeout(function () { finish(true); }, ms);
    }

    function take(piece) {
      expect(options.quietMs);
      seen += piece.length;
      options.text(piece);
    }

    function grow() {
      // At the end of what has come so far U+FFFD may stand for a character that isn't all there.
      var partial = xhr.readyState < 4 ? /\uFFFD+$/ : '';
      var piece = '';
      try { piece = xhr.responseText.slice(seen).replace(partial, ''); } catch (early) { /* IE 9: not before the end */ }
      take(piece);
    }

    function stop() {
      xhr.onreadystatechange = function () {};
      env.clearTimeout(timer);
      timer = null;
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

    xhr.onreadystatechange = function () {
      if (options.text && xhr.readyState > 2) { grow(); }
      if (timer && xhr.readyState === 4) { finish(false); }
    };
    expect(options.timeoutMs);
    try {
      xhr.open(options.body ? 'POST' : 'GET', options.url, true);
      xhr.withCredentials = options.isForeign;
      if (options.contentType) { xhr.setRequestHeader('Content-Type', options.contentType); }
      if (options.token) { xhr.setRequestHeader('Authorization', 'Bearer ' + options.token); }
      xhr.send(options.body || null);
    } catch (refused) {
      env.clearTimeout(timer);
      timer = env.setTimeout(function () { finish(false); }, 0);
    }
    return {abort: stop};
  };
}(anywire));
