// One HTTP request by XMLHttpRequest: it ends exactly once, with an answer, a failure or a time-out, or never after abort().
(function (anywire) {
  'use strict';

  function header(xhr, name) {
    try { return xhr.getResponseHeader(name); } catch (hidden) { return null; } // another origin that doesn't expose it
  }

  function parse(text) {
    try { return JSON.parse(text); } catch (notJson) { return null; }
  }

  /**
   * options: url, method, body, contentType, token, credentials, timeoutMs.
   * done({status, body, retryMs, isTimeout}): status 0 where nothing came, body null where it isn't JSON.
   */
  anywire.request = function (env, options, done) {
    var xhr = new env.XMLHttpRequest();
    var timer = null;
    var isOver = false;

    function finish(status, isTimeout) {
      var retryS;
      if (isOver) { return; }
      isOver = true;
      env.clearTimeout(timer);
      xhr.onreadystatechange = function () {};
      retryS = status ? parseFloat(header(xhr, 'Retry-After')) : NaN;
      done({
        status: status,
        body: status ? parse(xhr.responseText) : null,
        retryMs: retryS >= 0 ? retryS * 1000 : undefined,
        isTimeout: !!isTimeout
      });
    }

    function abort() {
      isOver = true;
      env.clearTimeout(timer);
      xhr.onreadystatechange = function () {};
      try { xhr.abort(); } catch (notStarted) { /* nothing to stop */ }
    }

    xhr.onreadystatechange = function () {
      if (xhr.readyState === 4) { finish(xhr.status || 0); }
    };
    try {
      xhr.open(options.method || 'GET', options.url, true);
      if (options.credentials) { xhr.withCredentials = true; }
      if (options.contentType) { xhr.setRequestHeader('Content-Type', options.contentType); }
      if (options.token) { xhr.setRequestHeader('Authorization', 'Bearer ' + options.token); }
      timer = env.setTimeout(function () {
        var late = xhr;
        finish(0, true);
        try { late.abort(); } catch (gone) { /* it ended meanwhile */ }
      }, options.timeoutMs);
      xhr.send(options.body || null);
    } catch (refused) {
      env.setTimeout(function () { finish(0); }, 0);
    }
    return {abort: abort};
  };
}(anywire));
