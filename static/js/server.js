// How this page reaches its server: addresses, credentials, what it offers, and what is known of the way to it.
// The wires and the publisher ask here and know nothing of options, cookies or tokens.
(function (anywire) {
  'use strict';

  var REQUEST_MS = 10000;
  var QUIET_MS = 2000; // an answer that takes longer than this and four round trips is doubtful
  var EXPIRED = 'token-expired';
  var SHORTEST_CUT_MS = 800;
  var SHORTEST_BEAT_MS = 500; // the server's own limit
  var MAX_QUERY = 7800; // of the 8 KB that the server takes

  // Without a base given: where the script itself comes from, so that one script tag is enough.
  anywire.scriptFolder = function (env) {
    var folder = './';
    anywire.each(env.scripts(), function (script) {
      var match = /^(.*\/)anywire\.js([?#]|$)/.exec(script.src);
      if (match) { folder = match[1]; }
    });
    return folder;
  };

  /** *channels()* lists what to ask for. Wires find here the query, the time-outs and the tuning that they share. */
  anywire.server = function (env, base, options, channels) {
    var root = env.resolve(base).replace(/[?#].*$/, '').replace(/\/?$/, '/');
    var isForeign = root.indexOf(env.resolve('/')) !== 0;
    var token = typeof options.token === 'string' ? options.token : '';
    var zeroMs = env.now();
    var cutMs = 0;
    var server = {root: root, offer: env.dataBlock('anywire-offer'), channels: channels, isForeign: isForeign};

    server.rttMs = env.pageRttMs();
    server.holdS = (server.offer.hold || 25000) / 1000;
    server.heartbeatMs = 0; // the server's

    server.sinceMs = function () { return Math.round(env.now() - zeroMs); };
    server.quietMs = function () { return Math.max(QUIET_MS, 4 * server.rttMs); };

    /** The query for *pairs*; with the channels and their positions unless there are none to name. */
    server.query = function (pairs, list) {
      pairs = pairs.concat([['token', token], ['heartbeat', server.heartbeatMs]]);
      anywire.each(list, function (channel) { pairs.push(['sub', channel.name + (channel.start && '@' + channel.start)]); });
      return anywire.query(pairs.concat([['_', env.id()]])); // browsers make equal URLs wait for each other
    };

    server.isLong = function (query) { return query.length > MAX_QUERY; };

    function request(path, options, done) {
      options.url = root + path;
      options.token = options.contentType && token;
      options.isForeign = isForeign;
      options.timeoutMs = options.timeoutMs || REQUEST_MS;
      return anywire.request(env, options, done);
    }

    server.poll = function (path, pairs, timeoutMs, done) {
      var query = server.query(pairs, channels());
      return server.isLong(query) ?
        request(path, {body: query, contentType: 'application/x-www-form-urlencoded', timeoutMs: timeoutMs}, done) :
        request(path + '?' + query, {timeoutMs: timeoutMs}, done);
    };

    server.get = function (path, pairs, done) { return server.send(path + '?' + server.query(pairs, []), {}, done); };

    server.post = function (path, body, done, timeoutMs) {
      return server.send(path, {body: body, contentType: 'application/json', timeoutMs: timeoutMs}, done);
    };

    /** With the options of request.js. */
    server.send = function (path, options, done) {
      return request(path, options, function (result) {
        server.renewToken(function (isNew) {
          result.isRetry = isNew;
          done(result);
        }, anywire.errorOf(result));
      });
    };

    /** What a plain request says where an API hides the status. */
    server.ask = function (done) {
      server.poll('v1/short-poll', [['hello', 1]], 0, function (result) { done(anywire.reasonOf(result)); });
    };

    /** done(isNew): asks the page's `token` function for one, where *error* says that it helps; a fixed one stays. */
    server.renewToken = function (done, error) {
      if (!options.token || options.token === token || error.code !== EXPIRED) {
        done(false);
        return;
      }
      options.token(function (fresh) {
        token = fresh;
        done(!!fresh);
      });
    };

    /**
     * A visitor without identity gets one by the first answer. First contact is several requests side by side: they carry
     * the same random cookie, from which the server derives the same identity. It can't be set for another host.
     */
    server.boot = function (isKnown) {
      if (!isForeign && !isKnown && !token && env.getCookies().indexOf('anywire_boot=') < 0) {
        env.setCookie('anywire_boot=' + env.id() + ';max-age=60;path=/;samesite=lax' + (/^https/.test(root) ? ';secure' : ''));
      }
    };

    /** Whatever must be there before first contact, which otherwise waits for nothing. */
    server.prepare = function (isKnown, done) {
      server.renewToken(function () {
        if (!isForeign || token || isKnown) {
          done();
          return;
        }
        server.get('v1/negotiate', [], function (result) { // brings the identity
          server.offer = result.status === 200 && result.body || {};
          done();
        });
      }, {code: EXPIRED});
    };

    /** A stream was cut after so long a silence. Twice the same is a box with a time-out (true): ask for a quicker heartbeat. */
    server.noteCut = function (silenceMs) {
      var isBox = silenceMs >= SHORTEST_CUT_MS && Math.abs(silenceMs - cutMs) < cutMs / 4;
      if (isBox) { server.heartbeatMs = Math.max(SHORTEST_BEAT_MS, Math.round(silenceMs / 2)); }
      cutMs = silenceMs;
      return isBox;
    };

    return server;
  };
}(anywire));
