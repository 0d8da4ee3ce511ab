// Everything that the library takes from its surroundings, in one object, so that tests can give it another clock,
// network and storage. Nothing else in these files names a global of the browser.
// Host objects are tested for being there, never by typeof: in old engines `typeof WebSocket` is "object".
(function (anywire) {
  'use strict';

  anywire.env = function (window) {
    var document = window.document;
    var performance = window.performance;
    var crypto = window.crypto || window.msCrypto;

    // Reading the property throws where storage is forbidden by the user or the frame is sandboxed.
    function storage(name) {
      try { return window[name]; } catch (forbidden) { return null; }
    }

    return {
      WebSocket: window.WebSocket,
      EventSource: window.EventSource,
      XMLHttpRequest: window.XMLHttpRequest,
      Promise: window.Promise,
      TextDecoder: window.TextDecoder,
      AbortController: window.AbortController,
      // Only where its answer can be read as it comes, and be given up.
      fetch: window.ReadableStream && window.TextDecoder && window.AbortController && window.fetch && function (url, options) {
        return window.fetch(url, options);
      },
      local: storage('localStorage'),
      session: storage('sessionStorage'),
      search: String(window.location.search),
      random: Math.random,

      setTimeout: function (fn, ms) { return window.setTimeout(fn, ms); },
      clearTimeout: function (timer) { window.clearTimeout(timer); },

      // After what runs now and before anything else where there are promises: what one turn asks for is asked at once.
      soon: function (fn) {
        if (window.Promise) { window.Promise.resolve().then(fn); } else { window.setTimeout(fn, 0); }
      },

      // For durations: doesn't jump with the clock where the engine has such a one.
      now: function () { return performance && performance.now ? performance.now() : +new Date(); },
      // For dates, and for seeing that the clock has jumped: it goes on while the machine sleeps.
      time: function () { return +new Date(); },

      // 128 random bits as 32 hexadecimal digits.
      id: function () {
        var bytes = crypto && crypto.getRandomValues(new window.Uint8Array(32));
        var text = '';
        while (text.length < 32) { text += ((bytes ? bytes[text.length] : Math.random() * 16) & 15).toString(16); }
        return text;
      },

      // The browser's own resolution: understands '', './', '../x/', '//host/' and whole URLs alike.
      resolve: function (url) {
        var link = document.createElement('a');
        link.href = url;
        return link.href;
      },
      scripts: function () { return document.getElementsByTagName('script'); },
      dataBlock: function (id) {
        try { return JSON.parse(document.getElementById(id).text); } catch (none) { return {}; }
      },
      // A sandboxed frame throws; then each answer brings an identity of its own.
      getCookies: function () {
        try { return document.cookie; } catch (sandboxed) { return ''; }
      },
      setCookie: function (text) {
        try { document.cookie = text; } catch (sandboxed) { /* as above */ }
      },
      // On <html>, for style sheets and tests.
      mark: function (name, value) { document.documentElement.setAttribute('data-anywire-' + name, value); },
      isHidden: function () { return !!document.hidden; },

      // A round trip to this server as the page's own loading saw it, or 0: known before the first wire is.
      pageRttMs: function () {
        var timing = performance && performance.timing;
        return timing ? Math.max(0, timing.connectEnd - timing.connectStart) : 0;
      },

      form: function (file) {
        var form = new window.FormData();
        form.append('file', file);
        return form;
      },
      find: function (css) { return document.querySelectorAll(css); },
      /** Calls fn whenever elements come or go or *attribute* changes, where the browser tells. */
      watch: function (attribute, fn) {
        if (window.MutationObserver) {
          new window.MutationObserver(fn).observe(document, {
            childList: true, subtree: true, attributes: true, attributeFilter: [attribute] // old WebKit wants both
          });
        }
      },

      /** Calls fn(name, event) for the events of the window and the document that are named, for as long as the page lives. */
      listen: function (names, fn) {
        anywire.each(names, function (name) {
          anywire.each([window, document], function (target) {
            function heard(event) { fn(name, event); }
            if (target.addEventListener) {
              target.addEventListener(name, heard, false);
            } else if (target.attachEvent) {
              target.attachEvent('on' + name, heard);
            }
          });
        });
      }
    };
  };
}(anywire));
