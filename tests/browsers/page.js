// Run by a browser's driver in an HTML page of the server, as the body of a function. It makes `window.matrix`, which is
// told to begin once it is ready, and tells how it went. ES5, as it also runs in PhantomJS. arguments: the base, the
// channel, the constructors to take away, options for connect().
var base = arguments[0];
var channel = arguments[1];
var lacking = arguments[2];
var options = arguments[3];
var script = document.createElement('script');
var matrix = window.matrix = {isReady: false, firstMs: 0, changes: [], offsets: [], texts: [], acknowledged: [], refused: []};
var beganMs;
var wire;

function now() { return window.performance && performance.now ? performance.now() : +new Date(); }

matrix.look = function () {
  var verdicts = [];
  var ended = []; // the verdict of a try that goes on is but an opinion
  var attempt;
  var i;
  for (i = 0; wire && i < wire.attempts.length; i += 1) {
    attempt = wire.attempts[i];
    verdicts.push(attempt.verdict);
    if (attempt.endedMs !== undefined || /unsupported|disabled/.test(attempt.verdict)) { ended.push(attempt.verdict); }
  }
  return {
    isReady: matrix.isReady, firstMs: matrix.firstMs, ageMs: now() - beganMs, transport: wire ? wire.transport : '', count: matrix.texts.length,
    acknowledged: matrix.acknowledged.length, verdicts: verdicts, ended: ended
  };
};

// What there is to say about the messages, once they are all there.
matrix.tell = function () {
  return {changes: matrix.changes, offsets: matrix.offsets, texts: matrix.texts, refused: matrix.refused, attempts: wire.attempts};
};

/** Publishes *count* messages, one every *everyMs*. */
matrix.publish = function (count, everyMs) {
  var next = 0;
  var timer = setInterval(function () {
    var text = 'page ' + next;
    next += 1;
    if (next === count) { clearInterval(timer); }
    wire.publish(channel, {text: text}, function (error) {
      (error ? matrix.refused : matrix.acknowledged).push(error ? [text, error] : text);
    });
  }, everyMs);
};

(function () {
  var i;
  for (i = 0; i < lacking.length; i += 1) {
    try { delete window[lacking[i]]; } catch (fixed) { /* an engine that keeps it */ }
    if (window[lacking[i]]) { window[lacking[i]] = undefined; }
  }
}());

script.onload = function () { matrix.isReady = true; };

matrix.begin = function () {
  beganMs = now();
  matrix.wire = wire = window.Anywire.connect(base, options);
  wire.on('transport', function (name) { matrix.changes.push([now() - beganMs, name]); });
  wire.subscribe(channel, {history: 1}, function (event) {
    if (event.type !== 'message') { return; }
    matrix.firstMs = matrix.firstMs || now() - beganMs;
    matrix.offsets.push(event.offset);
    matrix.texts.push(event.data.text);
  });
};
script.src = base + '/anywire.js';
document.body.appendChild(script);
