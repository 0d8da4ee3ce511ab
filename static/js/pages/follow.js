// Scrolling: follow the live end while the reader is there, leave them in peace while they are not.
(function (pages) {
  'use strict';
  var t = pages.t;
  var NEAR_PX = 48; // about one line: nobody stops a wheel at the exact last pixel

  /** *log* scrolls; *below* is the button back to the live end; *onTop()* when the reader reached the beginning. */
  pages.follow = function (log, below, onTop) {
    var isFollowing = true;
    var unseen = 0;
    var lastTop = 0;
    var timer = null;
    var onSettled = null;

    function distance() { return log.scrollHeight - log.scrollTop - log.clientHeight; }

    function tell() {
      if (unseen) {
        pages.setText(below, unseen === 1 ? t('1 new message below') : t('{count} new messages below', {count: unseen}));
      }
      pages.show(below, unseen > 0);
    }

    function toEnd() {
      isFollowing = true;
      unseen = 0;
      log.scrollTop = log.scrollHeight;
      lastTop = log.scrollTop;
      tell();
    }

    function settle() {
      timer = null;
      if (isFollowing) {
        if (onSettled) { onSettled(); }
        toEnd();
      }
      tell();
    }

    // Once per turn of the event loop: measuring after each of a thousand replayed messages would lay the page out
    // a thousand times.
    function settleSoon() {
      if (timer === null) { timer = setTimeout(settle, 0); }
    }

    pages.listen(log, 'scroll', function () {
      var top = log.scrollTop;
      // Only a move upwards leaves the live end: when messages come faster than frames, the scroll event of our own
      // move finds newer ones below already.
      if (distance() < NEAR_PX) {
        isFollowing = true;
        unseen = 0;
        tell();
      } else if (top < lastTop) {
        isFollowing = false;
      }
      lastTop = top;
      if (top < NEAR_PX && !isFollowing) { onTop(); }
    });
    pages.listen(window, 'resize', settleSoon);
    pages.listen(below, 'click', function () {
      toEnd();
      log.focus();
    });

    return {
      /** Something was added at the end; *counts* if it is somebody else's message. */
      added: function (counts) {
        if (!isFollowing && counts) { unseen += 1; }
        settleSoon();
      },
      toEnd: toEnd,
      isFollowing: function () { return isFollowing; },
      /** Called while following, before the end is shown: the moment to take old items away. */
      onSettled: function (act) { onSettled = act; },
      /** Does *change* above the reader without moving what they read. */
      keep: function (change) {
        var height = log.scrollHeight;
        var top = log.scrollTop;
        change();
        log.scrollTop = top + log.scrollHeight - height;
        lastTop = log.scrollTop;
      },
      reset: function () { lastTop = 0; }
    };
  };
}(window.AnywirePages));
