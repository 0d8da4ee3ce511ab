// Jobs: a job's progress by its channel, and tasks that the server runs.
(function (anywire) {
  'use strict';

  function nothing() {}

  /** Whether nothing comes after *state*. */
  anywire.isFinal = function (state) { return /done|failed|cancelled/.test(state.state); };

  /** fn(done), as a promise where there are promises. */
  anywire.promised = function (env, fn) {
    if (env.Promise) {
      return new env.Promise(function (resolve, reject) {
        fn(function (error, value) { if (error) { reject(error); } else { resolve(value); } });
      });
    }
    return fn(nothing);
  };

  /** Gives *wire* what a page uses of jobs. call(fn, first, second) shields from what *fn* throws. */
  anywire.jobs = function (env, server, wire, call, answerTo, whenReady) {
    /**
     * Follows a job: onState(state, event), the current one first, until its end; onError(error) where it is unknown.
     * Returns {stop(), cancel(callback)}.
     */
    wire.job = function (id, onState, onError, after) {
      // What can't be a channel's name would be refused together with all other channels.
      var name = 'job:' + id.replace(/[^\w.~-]/g, '-').slice(0, 128);
      var subscription = wire.subscribe(name, {after: after}, function (event) {
        if (event.type === 'state') {
          if (anywire.isFinal(event.data)) { subscription.unsubscribe(); }
          onState(event.data, event);
        } else if (event.type === 'error' && !anywire.isTransient(event.code)) {
          subscription.unsubscribe();
          (onError || nothing)(event);
        }
      });
      return {
        stop: subscription.unsubscribe,
        cancel: function (callback) { server.post('v1/jobs/' + id + '/cancel', '{}', answerTo(callback || nothing)); }
      };
    };

    /**
     * Runs *task* with *body*: an object, a text of options.contentType, a File, Blob or FormData. It is one job however
     * often it is asked for with the same options.id. options: onItem(item), onState(state), onEnd(error, result).
     * Returns a promise of the result, where there are promises.
     */
    wire.run = function (task, body, options) {
      options = options || {};
      function tell(name, first, second) { if (options[name]) { call(options[name], first, second); } }
      return anywire.promised(env, function (done) {
        whenReady(function () {
          anywire.run(env, server, wire, task, body, options, tell, function (error, result) {
            tell('onEnd', error, result);
            done(error, result);
          });
        });
      });
    };
  };
}(anywire));
