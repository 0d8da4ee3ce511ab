// Run by PhantomJS 2.1.1, an engine of 2013 without ES6, fetch or Promise: opens a room, writes a line, and prints what
// the page shows as JSON. phantom.args: the page's URL, the line to write, and the file that takes features away, if one does.
var system = require('system');
var page = require('webpage').create();
var errors = [];
var startedMs = new Date().getTime();
var TIMEOUT_MS = 15000;

page.viewportSize = {width: 320, height: 568};
page.onError = function (message) { errors.push(message); };

if (system.args[3]) {
  page.onInitialized = function () { page.injectJs(system.args[3]); };
}

function look() {
  return page.evaluate(function () {
    function all(css) {
      return Array.prototype.map.call(document.querySelectorAll(css), function (node) { return node.textContent; });
    }
    return {
      texts: all('#messages [data-offset] .text'),
      unsent: all('#messages .unsent .text'),
      notes: all('#messages .note'),
      transport: document.documentElement.getAttribute('data-anywire-transport'),
      width: document.documentElement.scrollWidth,
      logHeight: document.getElementById('log').clientHeight,
      isStripped: !window.addEventListener && !document.body.addEventListener && !window.MutationObserver && !Function.prototype.bind,
      panel: document.getElementById('transport-attempts').textContent
    };
  });
}

function finish(seen) {
  seen.errors = errors;
  console.log(JSON.stringify(seen));
  phantom.exit(0);
}

function waitFor(isReady, then) {
  var seen = look();
  if (isReady(seen)) { then(seen); return; }
  if (new Date().getTime() - startedMs > TIMEOUT_MS) { finish(seen); return; }
  setTimeout(function () { waitFor(isReady, then); }, 100);
}

page.open(system.args[1], function () {
  waitFor(function (seen) { return seen.notes.length > 0; }, function () {
    page.evaluate(function (line) {
      document.getElementById('text').value = line;
      document.getElementById('send').click();
      document.getElementById('transport').click();
    }, system.args[2]);
    waitFor(function (seen) { return seen.texts.indexOf(system.args[2]) >= 0; }, finish);
  });
});
