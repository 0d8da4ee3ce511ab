// What the visitor types: shown at once as unsent, until the server's acknowledgement or the message itself comes back.
(function (pages) {
  'use strict';
  var SWEEP_MS = 2000;

  /** host: canSend() → may it go out now; sent() after something was typed; changed() when an item looks different. */
  pages.sending = function (channel, timeline, host) {
    var wire = null;
    var input = pages.find('text');

    function pendingIds() {
      var pending = wire.pending(channel);
      var ids = {};
      for (var i = 0; i < pending.length; i += 1) { ids[pending[i].id] = true; }
      return ids;
    }

    function isWaiting(item) { return pages.hasClass(item, 'unsent'); }

    function acknowledge(item, receipt) {
      var last = timeline.lastOffset();
      if (!item.parentNode || item.hasAttribute('data-offset')) { return; } // the message itself came first
      if (last !== null && receipt.offset <= last) {
        timeline.remove(item); // a repeat: the first one has long been in the list, or lies above it
      } else {
        pages.markSent(item, receipt.time);
      }
    }

    function fail(item, data, error) {
      pages.markFailed(item, pages.errorWords(error), function () {
        timeline.remove(item);
        publish(data);
        input.focus();
      }, function () {
        timeline.remove(item);
        host.changed();
        input.focus();
      });
      host.changed();
    }

    function publish(data) {
      var item = timeline.addUnsent('', data, wire.user);
      wire.publish(channel, data, function (error, receipt) {
        if (error) { fail(item, data, error); } else { acknowledge(item, receipt); }
      });
      var pending = wire.pending(channel);
      if (pending.length && isWaiting(item)) { item.setAttribute('data-id', pending[pending.length - 1].id); }
      host.sent();
      host.changed();
    }

    // What was typed before a reload has nobody who is called back: once it is not pending any more, the message
    // itself has come, or is older than the list, or is about to come. The second look tells.
    function sweep() {
      var items = timeline.unsent();
      var ids = items.length ? pendingIds() : {};
      for (var i = 0; i < items.length; i += 1) {
        if (isWaiting(items[i]) && !ids.hasOwnProperty(items[i].getAttribute('data-id'))) {
          if (items[i].hasAttribute('data-seen')) { timeline.remove(items[i]); }
          items[i].setAttribute('data-seen', '');
        }
      }
    }

    pages.listen(pages.find('composer'), 'submit', function (event) {
      var text = input.value;
      if (!wire) { return; } // there never was one: the browser sends the form itself
      pages.stop(event);
      if (/\S/.test(text) && host.canSend()) {
        input.value = '';
        publish({text: text});
      }
    });
    setInterval(sweep, SWEEP_MS);

    return {
      /** Another wire, at the start or after a disconnect: what it still has to send is shown, and nothing else is. */
      use: function (newWire) {
        var items = timeline.unsent();
        wire = newWire;
        var ids = pendingIds();
        for (var i = 0; i < items.length; i += 1) {
          if (isWaiting(items[i]) && !ids.hasOwnProperty(items[i].getAttribute('data-id'))) {
            // Without sessionStorage the new wire knows nothing of it.
            fail(items[i], items[i].anywireData, {code: 'closed'});
          }
        }
        var pending = wire.pending(channel);
        for (var j = 0; j < pending.length; j += 1) {
          if (!timeline.find(pending[j].id)) { timeline.addUnsent(pending[j].id, pending[j].data, wire.user); }
        }
      }
    };
  };
}(window.AnywirePages));
