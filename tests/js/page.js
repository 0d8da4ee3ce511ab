// A page of the tests: the library over a fake network, and what it delivered.
'use strict';
const { load } = require('./load.js');
const { Clock, fakeEnv, seeded } = require('./fake-env.js');
const { Network } = require('./fake-server.js');

function page(settings) {
  const { policy, seed, kept, options, search, clock = new Clock(), channel = 'chat:lobby', network } = settings || {};
  const net = network || new Network(clock, seeded((seed || 1) + 1000));
  Object.assign(net.policy, policy);
  const env = fakeEnv(clock, net, seed, kept);
  const got = [];
  const events = [];
  const log = []; // [ms, what, value]
  const said = {};
  env.search = search || '';
  Object.assign(env, settings && settings.env);
  const anywire = load();
  const wire = anywire.client(env, './', options || {});
  for (const name of ['state', 'transport', 'gap', 'error', 'user']) {
    wire.on(name, (value) => { log.push([clock.ms, name, value]); });
  }
  const follow = (history) => wire.subscribe(channel, history || { history: 50 }, (event) => {
    events.push(event);
    if (said[event.type] === undefined) { said[event.type] = clock.ms; }
    if (event.type === 'message') { got.push(event.data); }
  });
  if (!settings || settings.follow !== false) { follow(settings && settings.history); }
  return {
    anywire, wire, env, clock, net, got, events, log, follow,
    firstMs: (type) => said[type],
    run: (ms) => clock.run(ms),
    until: (test, mostMs) => {
      const end = clock.ms + mostMs;
      while (!test() && clock.ms < end) { clock.run(5); }
      return test();
    },
    count: (kind) => net.requests.filter((name) => name === kind).length,
    verdicts: () => wire.attempts.map((record) => record.transport + ' ' + record.verdict),
    /** Somebody else says something. */
    say: (data) => net.log.publish(channel, 'other-' + net.log.head(channel) + '-' + JSON.stringify(data), data)
  };
}

module.exports = { page, Clock, Network, seeded };
