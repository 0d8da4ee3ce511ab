// Run by PhantomJS 2.1.1: imports records on a page, shows the job in a bar, and prints what the page was told as JSON.
// phantom.args: the page's URL, how many records.
var system = require('system');
var page = require('webpage').create();
var errors = [];
var startedMs = new Date().getTime();
var TIMEOUT_MS = 30000;

page.onError = function (message) { errors.push(message); };

function look() {
  return JSON.parse(page.evaluate(function () {
    var bar = document.querySelector('[data-anywire-job]');
    var shown = {};
    ['role', 'aria-valuenow', 'data-anywire-job-state'].forEach(function (name) { shown[name] = bar && bar.getAttribute(name); });
    return JSON.stringify({told: window.told, promise: !!window.promise, bar: shown}); // as an object null becomes ""
  }));
}

function wait() {
  var seen = look();
  if ((!seen.told.ends.length || seen.bar['aria-valuenow'] !== '100') && new Date().getTime() - startedMs < TIMEOUT_MS) {
    setTimeout(wait, 100);
    return;
  }
  seen.errors = errors;
  console.log(JSON.stringify(seen));
  phantom.exit(0);
}

page.open(system.args[1], function () {
  page.evaluate(function (count) {
    var records = [];
    var began = new Date().getTime();
    var told = window.told = {items: [], states: [], ends: []};
    for (var i = 0; i < count; i += 1) { records.push(i % 10 === 7 ? {} : {name: 'Z\u00fcrich \u4f60\ud83d\ude00', number: i}); }
    window.promise = Anywire.run('import', {records: records}, {
      onItem: function (item) {
        told.items.push(item);
        told.firstMs = told.firstMs || new Date().getTime() - began;
      },
      onState: function (state) {
        var bar = document.createElement('div');
        told.states.push(state);
        if (told.states.length > 1) { return; }
        bar.setAttribute('data-anywire-job', state.id);
        document.body.appendChild(bar);
      },
      onEnd: function (error, result) {
        told.ends.push([error && error.code, result]);
        told.allMs = new Date().getTime() - began;
      }
    });
  }, Number(system.args[2]));
  wait();
});
