// What the page shows stands in its address, so a reload, a bookmark and a shared link all lead to the same.
(function (pages) {
  'use strict';
  var shown = window.location.search;

  function read(query) {
    var values = {};
    var pairs = query.replace(/^\?/, '').split('&');
    for (var i = 0; i < pairs.length; i += 1) {
      var at = pairs[i].indexOf('=');
      if (at > 0) { values[pairs[i].slice(0, at)] = pairs[i].slice(at + 1); }
    }
    return values;
  }

  function write(values) {
    var pairs = [];
    for (var name in values) {
      if (values[name]) { pairs.push(name + '=' + values[name]); }
    }
    return '?' + pairs.join('&');
  }

  function changed(query, values) {
    var all = read(query);
    for (var name in values) {
      if (values.hasOwnProperty(name)) { all[name] = encodeURIComponent(values[name]); }
    }
    return write(all);
  }

  // Links to this page in another language or over another transport go on showing the same.
  function changeLinks(values) {
    var links = document.querySelectorAll('.languages a, #transport-panel a');
    for (var i = 0; i < links.length; i += 1) { links[i].setAttribute('href', changed(links[i].getAttribute('href'), values)); }
  }

  /** A link to this page with other parameters: ?job=ID with the transport that is forced. */
  pages.linkWith = function (values) {
    var forced = read(window.location.search).transport;
    return changed(forced ? '?transport=' + forced : '', values);
  };

  /** Shows *values* in the address without loading the page; going back loads what was there before. */
  pages.goTo = function (values) {
    var link = pages.linkWith(values);
    if (!window.history.pushState) {
      window.location.replace(link);
      return;
    }
    window.history.pushState(null, '', link);
    shown = window.location.search;
    changeLinks(values);
  };

  // Also after a reload: what was pushed before it is still in the history. Old engines fire it on every load.
  pages.listen(window, 'popstate', function () {
    if (window.location.search !== shown) { window.location.reload(); }
  });
}(window.AnywirePages));
