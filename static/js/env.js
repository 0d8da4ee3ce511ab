// Everything that the library takes from its surroundings, in one object, so that tests can give it another clock,
// network and storage. Nothing else in these files names a global of the browser.
// Host objects are tested for being there, never by typeof: in old engines `typeof WebSocket` is "object".
(function (anywire) {
  'use strict';

  function nothing() {}

  anywire.env = function (window) {
    var document = window.document;
    var performance = window.performance;
    var crypto = window.crypto || window.msCrypto;

    // Reading the property throws where storage is forbidden by the user or the frame is sandboxed.
    function storage(name) {
      try { return window[name] || null; } catch (forbidden) { return null; }
    }

    function listen(target, name, fn) {
      if (target.addEventListener) {
        target.addEventListener(name, fn, false);
        return function () { target.removeEventListener(name, fn, false); };
      }
      if (target.attachEvent) {
        target.attachEvent('on' + name, fn);
        return function () { target.detachEvent('on' + name, fn); };
      }
      return nothing;
    }

    return {
      WebSocket: window.WebSocket || window.MozWebSocket,
      EventSource: window.EventSource,
      XMLHttpRequest: window.XMLHttpRequest,
      Promise: window.Promise,
      local: storage('localStorage'),
      session: storage('sessionStorage'),
      random: Math.random,

      setTimeout: function (fn, ms) { return window.setTimeout(fn, ms); },
      clearTimeout: function (timer) { window.clearTimeout(timer); },

      // Before the browser paints or reads the network again, so that calls made in one turn count as one.
      soon: function (fn) {
        if (window.Promise) { window.Promise.resolve().then(fn); } else { window.setTimeout(fn, 0); }
      },

      // For durations: doesn't jump with the clock where the engine has such a one.
      now: function () {
        return performance && performance.now ? performance.now() : new Date().getTime();
      },
      // For dates, and for seeing that the clock has jumped: it goes on while the machine sleeps.
      time: function () { return new Date().getTime(); },

      // 128 random bits as 32 hexadecimal digits.
      id: function () {
        var bytes = null;
        var text = '';
        if (crypto && crypto.getRandomValues && window.Uint8Array) {
          bytes = crypto.getRandomValues(new window.Uint8Array(16));
        }
        for (var i = 0; i < 16; i += 1) {
          text += (256 + (bytes ? bytes[i] : Math.floor(Math.random() * 256))).toString(16).slice(1);
        }
        return text;
      },

      search: String(window.location.search || ''),
      origin: window.location.protocol + '//' + window.location.host,

      // The browser's own resolution: understands '', './', '../x/', '//host/' and whole URLs alike.
      resolve: function (url) {
        var link = document.createElement('a');
        link.href = url;
        return link.href || url;
      },
      scripts: function () { return document.getElementsByTagName('script'); },
      dataBlock: function (id) {
        var block = document.getElementById(id);
        try { return block ? JSON.parse(block.text || block.textContent || '') : null; } catch (notJson) { return null; }
      },
      getCookies: function () {
        try { return String(document.cookie); } catch (sandboxed) { return ''; }
      },
      setCookie: function (text) {
        try { document.cookie = text; } catch (sandboxed) { /* then each answer brings an identity of its own */ }
      },
      mark: function (name, value) {
        var root = document.documentElement;
        if (value) { root.setAttribute(name, value); } else { root.removeAttribute(name); }
      },
      isHidden: function () { return !!(document.hidden || document.webkitHidden); },
      isOffline: function () { return !!window.navigator && window.navigator.onLine === false; },

      // A round trip to this server as the page's own loading saw it, or 0: known before the first wire is.
      pageRttMs: function () {
        var timing = performance && performance.timing;
        var ms = timing ? timing.connectEnd - timing.connectStart : 0;
        return ms > 0 && ms < 10000 ? ms : 0;
      },
      onWindow: function (name, fn) { return listen(window, name, fn); },
      onDocument: function (name, fn) { return listen(document, name, fn); }
    };
  };
}(anywire));
