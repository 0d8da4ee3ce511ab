// A question to the server's API, asked again until it is answered. Whatever is asked this way may be asked twice.
(function (pages) {
  'use strict';
  var PATIENCE_MS = 20000; // ten round trips of a bad line
  var FIRST_WAIT_MS = 500;
  var LONGEST_WAIT_MS = 10000;
  var base = pages.block('anywire-page').base;

  /** 128 random bits as 32 hexadecimal digits: the id that makes a request count once. */
  pages.newId = function () {
    var crypto = window.crypto || window.msCrypto;
    var bytes = crypto && crypto.getRandomValues(new window.Uint8Array(16));
    var text = '';
    while (text.length < 32) {
      text += (256 + (bytes ? bytes[text.length / 2] : Math.random() * 256)).toString(16).slice(1, 3);
    }
    return text;
  };

  /** How long to wait before the try after *tries* failures; retryAfter is what the server asked for, in seconds. */
  pages.waitMs = function (tries, retryAfter) {
    var seconds = parseFloat(retryAfter);
    return seconds > 0 ? seconds * 1000 : Math.random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * Math.pow(2, tries));
  };

  /** What an ended request says: {answer} or {error, mayRetry}. */
  pages.readAnswer = function (xhr) {
    var answer = null;
    var status = 0;
    try {
      status = xhr.status;
      answer = JSON.parse(xhr.responseText);
    } catch (none) { /* nothing came, or it is no JSON and not from our server */ }
    if (answer && status >= 200 && status < 300) { return {answer: answer}; }
    return {
      error: (answer && answer.error) || {code: status ? 'http-' + status : 'network'},
      mayRetry: !status || !(answer && answer.error) || status >= 500 || status === 429
    };
  };

  /**
   * Asks until there is an answer or a refusal for good: done(error, answer). onTrouble(error) tells of each try that
   * failed. Returns {stop()}.
   */
  pages.ask = function (method, path, body, done, onTrouble) {
    var tries = 0;
    var timer = null;
    var xhr = null;
    var isStopped = false;

    function ended() {
      var current = xhr;
      var said = pages.readAnswer(current);
      var retryAfter = null;
      if (isStopped) { return; }
      clearTimeout(timer);
      if (!said.error || !said.mayRetry) {
        done(said.error || null, said.answer);
        return;
      }
      try { retryAfter = current.getResponseHeader('Retry-After'); } catch (none) { /* no answer, no header */ }
      tries += 1;
      if (onTrouble) { onTrouble(said.error); }
      timer = setTimeout(send, pages.waitMs(tries, retryAfter));
    }

    function send() {
      var mine = xhr = new window.XMLHttpRequest();
      mine.onreadystatechange = function () {
        if (mine === xhr && mine.readyState === 4) { ended(); }
      };
      timer = setTimeout(function () { mine.abort(); }, PATIENCE_MS);
      mine.open(method, base + path, true);
      if (body !== null) { mine.setRequestHeader('Content-Type', 'application/json'); }
      mine.send(body === null ? null : JSON.stringify(body));
    }

    send();
    return {
      stop: function () {
        isStopped = true;
        clearTimeout(timer);
        xhr.abort();
      }
    };
  };

  /** Of two positions EPOCH-OFFSET, whether *position* is no older than *than*; another life of the log is newer. */
  pages.isCurrent = function (position, than) {
    var a = String(position).split('-');
    var b = String(than).split('-');
    return !than || a[0] !== b[0] || Number(a[1]) >= Number(b[1]);
  };
}(window.AnywirePages));
