// How this page reaches its server: addresses, credentials, what it offers, and what is known of the way to it.
// The wires and the publisher ask here and know nothing of options, cookies or tokens.
(function (anywire) {
  'use strict';

  var REQUEST_MS = 10000;
  var QUIET_MS = 2000; // an answer that takes longer than this and four round trips is doubtful
  var SHORTEST_CUT_MS = 800;
  var SHORTEST_BEAT_MS = 500; // the server's own limit
  var FORM = 'application/x-www-form-urlencoded';

  anywire.MAX_QUERY = 7800; // of the 8 KB that the server takes

  // Without a base given: where the script itself comes from, so that one script tag is enough.
  function scriptFolder(env) {
    var scripts = env.scripts();
    for (var i = scripts.length - 1; i >= 0; i -= 1) {
      var match = /^(.*?)anywire\.js([?#]|$)/.exec(scripts[i].src || '');
      if (match) { return match[1]; }
    }
    return './';
  }

  anywire.server = function (env, base, options, channels) {
    var root = env.resolve(base === undefined || base === null ? anywire.folder : base).replace(/[?#].*$/, '').replace(/\/?$/, '/');
    var isForeign = root.indexOf(env.origin + '/') !== 0;
    var token = typeof options.token === 'string' ? options.token : '';
    var zeroMs = env.now();
    var rttMs = 0;
    var cutMs = 0;
    var server = {
      root: root,
      offer: env.dataBlock('anywire-offer') || {},
      channels: channels
    };

    function url(path) { return root + path; }

    function random() { return env.random().toString(36).slice(2, 12); }

    function query(pairs, withChannels) {
      var list = withChannels ? channels() : [];
      var all = pairs.concat([['token', token]]);
      for (var i = 0; i < list.length; i += 1) { all.push(['sub', list[i].name + (list[i].start ? '@' + list[i].start : '')]); }
      return anywire.query(all.concat([['_', random()]])); // browsers make equal URLs wait for each other
    }

    function request(path, options, done) {
      options.url = url(path);
      options.credentials = isForeign;
      options.timeoutMs = options.timeoutMs || REQUEST_MS;
      return anywire.request(env, options, done);
    }

    server.url = url;
    server.query = query;
    server.isForeign = function () { return isForeign; };
    server.sinceMs = function () { return Math.round(env.now() - zeroMs); };
    server.rttMs = function () { return rttMs; };
    server.noteRtt = function (ms) { rttMs = rttMs ? (3 * rttMs + ms) / 4 : ms; };
    server.quietMs = function () { return Math.max(QUIET_MS, 4 * rttMs); };
    server.patienceMs = function () { return Math.max(REQUEST_MS / 2, 4 * rttMs); };
    server.heartbeatMs = function () { return server.tuning.heartbeatMs; };

    server.poll = function (path, pairs, timeoutMs, done) {
      var text = query(pairs, true);
      return text.length > anywire.MAX_QUERY ?
        request(path, {method: 'POST', body: text, contentType: FORM, timeoutMs: timeoutMs}, done) :
        request(path + '?' + text, {timeoutMs: timeoutMs}, done);
    };

    server.get = function (path, pairs, done) {
      return request(path + '?' + query(pairs, false), {}, done);
    };

    server.post = function (path, body, timeoutMs, done) {
      return request(path, {
        method: 'POST', body: body, contentType: 'application/json', token: token, timeoutMs: timeoutMs
      }, function (result) {
        if (result.status !== 401 || anywire.errorOf(result).code !== 'token-expired') {
          done(result);
          return;
        }
        server.renewToken(function (isNew) {
          result.isRetry = isNew;
          done(result);
        });
      });
    };

    /** What a plain request says where an API hides the status. */
    server.ask = function (done) {
      server.poll('v1/short-poll', [['hello', '1']], REQUEST_MS, function (result) {
        done(result.status === 200 && result.body ? {why: 'ok'} : anywire.reasonOf(result));
      });
    };

    /** done(isNew): asks the page's `token` function for a token; a fixed one can't be renewed. */
    server.renewToken = function (done) {
      if (typeof options.token !== 'function') {
        done(false);
        return;
      }
      options.token(function (fresh) {
        token = fresh || '';
        done(!!fresh);
      });
    };

    /** Whatever must be there before first contact, which otherwise waits for nothing. */
    server.prepare = function (hasBeenHere, done) {
      function negotiate() {
        // The boot cookie can't be set for another host: one request brings the identity first.
        if (!isForeign || token || hasBeenHere) {
          done();
          return;
        }
        server.get('v1/negotiate', [], function (result) {
          if (result.status === 200 && result.body) { server.offer = result.body; }
          done();
        });
      }
      if (typeof options.token === 'function') { server.renewToken(negotiate); } else { negotiate(); }
    };

    server.boot = function (isKnown) {
      if (!isForeign) { anywire.boot(env, isKnown || !!token); }
    };

    /** A stream was cut after so long a silence. Twice the same is a box with a time-out: ask for a quicker heartbeat. */
    server.noteCut = function (silenceMs) {
      if (silenceMs < SHORTEST_CUT_MS) { return; }
      if (Math.abs(silenceMs - cutMs) < cutMs / 4) {
        server.tuning.heartbeatMs = Math.max(SHORTEST_BEAT_MS, Math.round(silenceMs / 2));
      }
      cutMs = silenceMs;
    };

    rttMs = env.pageRttMs();
    server.tuning = {holdS: (server.offer.hold || 25000) / 1000, heartbeatMs: undefined};
    return server;
  };

  anywire.scriptFolder = scriptFolder;
}(anywire));
