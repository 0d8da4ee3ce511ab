// fetch in the shape of XMLHttpRequest, as far as request.js looks at it. What comes is in `piece`, and not kept.
(function (anywire) {
  'use strict';

  anywire.fetcher = function (env) {
    var decoder = new env.TextDecoder(); // a piece may end within a character
    var control = new env.AbortController();
    var options = {headers: {}, signal: control.signal, credentials: 'include'};
    var xhr = {status: 0, responseText: ''};
    var url;

    function change(state) {
      xhr.readyState = state;
      xhr.onreadystatechange();
    }

    function end() {
      xhr.piece = '';
      change(4);
    }

    function take(response) {
      var reader = response.body.getReader();
      function read() { reader.read().then(got).then(null, end); }
      function got(part) {
        var text = decoder.decode(part.value, {stream: !part.done});
        if (xhr.status === 200) { xhr.piece = text; } else { xhr.responseText += text; }
        change(part.done ? 4 : 3);
        if (!part.done) { read(); }
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
