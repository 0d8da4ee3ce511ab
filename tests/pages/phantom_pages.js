// Run by PhantomJS 2.1.1, an engine of 2013 without ES6, fetch or Promise: opens a page, does what it is told, waits until
// it is so, and prints what the page shows as JSON. phantom.args: the page's URL, a script to run, a condition to wait for.
var system = require('system');
var page = require('webpage').create();
var errors = [];
var startedMs = new Date().getTime();
var TIMEOUT_MS = 15000;

page.viewportSize = {width: 320, height: 568};
page.onError = function (message) { errors.push(message); };

function isSo(condition) {
  return page.evaluateJavaScript('function () { return !!(' + condition + '); }');
}

function finish() {
  var seen = page.evaluate(function () {
    return {text: document.body.innerText, width: document.documentElement.scrollWidth};
  });
  seen.errors = errors;
  console.log(JSON.stringify(seen));
  phantom.exit(0);
}

function wait() {
  if (isSo(system.args[3]) || new Date().getTime() - startedMs > TIMEOUT_MS) { finish(); } else { setTimeout(wait, 100); }
}

page.onLoadFinished = function () {
  page.onLoadFinished = null; // what is done may lead to another page
  page.evaluateJavaScript('function () { ' + system.args[2] + ' }');
  wait();
};
page.open(system.args[1]);
