// What a client may deliver. The invariant of the whole library: a message is delivered only if its offset is the
// position's + 1, of the same epoch. So any number of wires may bring the same channel, early, late and twice.
(function (anywire) {
  'use strict';

  anywire.parsePosition = function (text) {
    var match = /^([0-9a-z]+)-(\d+)$/.exec(text || '');
    return match ? {epoch: match[1], offset: +match[2]} : null;
  };

  function moveTo(channel, at, text) {
    channel.at = at;
    channel.position = text;
  }

  function judgeSubscribed(channel, event, at, isInUse) {
    if (!channel.at) {
      moveTo(channel, at, event.position);
      return 'deliver';
    }
    if (event.recovered !== false) { return isInUse ? 'deliver' : 'drop'; }
    if (!isInUse) { return 'lost'; }
    moveTo(channel, at, event.position);
    channel.hasState = false;
    return 'gap';
  }

  /**
   * Judges *event* against *channel* {at, position, hasState} and moves its position. isInUse: it came by the wire in use.
   *   deliver  hand it to the page
   *   drop     it was delivered before
   *   rewind   this wire began further on: attach it again at the position
   *   lost     this wire can't resume from the position, but it isn't the one in use: that one may still be able to
   *   gap      what lies between is gone for good; hand it to the page and say so
   */
  anywire.judge = function (channel, event, isInUse) {
    var at = anywire.parsePosition(event.position);
    var ahead;
    if (!at) { return 'deliver'; } // signals, presence, errors
    if (event.type === 'subscribed') { return judgeSubscribed(channel, event, at, isInUse); }
    if (!channel.at) { return 'drop'; } // of an earlier subscription to the same channel
    if (at.epoch !== channel.at.epoch) { return 'rewind'; }
    ahead = at.offset - channel.at.offset;
    if (event.type === 'state') {
      // The current state comes first even where the position is already its own, and values may be skipped.
      if (ahead < 0 || (ahead === 0 && channel.hasState)) { return 'drop'; }
      channel.hasState = true;
    } else if (ahead !== 1) {
      return ahead < 1 ? 'drop' : 'rewind';
    }
    moveTo(channel, at, event.position);
    return 'deliver';
  };
}(anywire));
