// fetch in the shape of XMLHttpRequest, as far as request.js looks at it.
(function (anywire) {
  'use strict';

  /** text(piece) gets what comes of a 200; it isn't kept. */
  anywire.fetcher = function (env, text) {
    var decoder = new env.TextDecoder(); // a piece may end within a character
    var control = new env.AbortController();
    var options = {headers: {}, signal: control.signal, credentials: 'include'};
    var xhr = {status: 0, responseText: ''};
    var url;

    function end() {
      xhr.readyState = 4;
      xhr.onreadystatechange();
    }

    function take(response) {
      var reader = response.body.getReader();
      function read() { reader.read().then(got).then(null, end); }
      function got(part) {
        var piece = decoder.decode(part.value, {stream: true});
        if (xhr.status === 200) { text(piece); } else { xhr.responseText += piece; }
        if (part.done) { end(); } else { read(); }
      }
      xhr.status = response.status;
      xhr.getResponseHeader = function (name) { return response.headers.get(name); };
      read();
    }

    xhr.open = function (method, address) {
      options.method = method;
      url = address;
    };
    xhr.setRequestHeader = function (name, value) { options.headers[name] = value; };
    xhr.send = function (body) {
      options.body = body;
      env.fetch(url, options).then(take).then(null, end);
    };
    xhr.abort = function () { control.abort(); };
    return xhr;
  };
}(anywire));
