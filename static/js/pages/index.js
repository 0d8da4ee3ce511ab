// The start page: which transport this browser is using, live, and why.
(function (pages) {
  'use strict';
  var page = pages.block('anywire-page');
  var panel = pages.transportPanel();
  var wire = window.Anywire.connect(page.base);

  function show() {
    panel.show(wire);
    pages.setText(pages.find('live-why'), pages.whyThisTransport(wire));
    pages.listAttempts(pages.find('live-attempts'), wire);
  }

  wire.on('state', show);
  wire.on('transport', show);
  wire.on('attempt', show);
  // A wire carries channels: without one, only a WebSocket would stay open.
  wire.subscribe('chat:lobby', {}, function () {});
  show();
}(window.AnywirePages));
