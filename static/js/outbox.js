// What the page published and the server has not acknowledged: kept in order, with its id, over reloads.
// The id is what lets the same message be sent again over any wire and be stored once.
(function (anywire) {
  'use strict';

  anywire.outbox = function (env, key) {
    var entries = [];
    var isSaving = false;

    function save() {
      var kept = [];
      isSaving = false;
      anywire.each(entries, function (entry) { kept.push([entry.id, entry.channel, entry.json]); });
      try { env.session.setItem(key, JSON.stringify(kept)); } catch (noRoom) { /* then a reload loses them */ }
    }

    // Once for all that one turn changes: a burst of a thousand messages is not a thousand copies of the list.
    function changed() {
      if (!isSaving) { env.soon(save); }
      isSaving = true;
    }

    try {
      anywire.each(JSON.parse(env.session.getItem(key)), function (kept) {
        entries.push({id: kept[0], channel: kept[1], json: kept[2], done: function () {}});
      });
    } catch (none) { /* nothing was kept */ }

    return {
      /** *json* is the text that is sent, taken at once: the page may change its object afterwards. */
      add: function (channel, json, done) {
        entries = entries.concat({id: env.id(), channel: channel, json: json, done: done});
        changed();
      },
      /** False where it is gone already: two wires may both acknowledge it. */
      remove: function (entry) {
        var count = entries.length;
        entries = anywire.without(entries, entry);
        changed();
        return entries.length < count;
      },
      /** The entries of *channel*, or all, oldest first. */
      list: function (channel) {
        return anywire.filter(entries, function (entry) { return !channel || entry.channel === channel; });
      },
      save: save
    };
  };
}(anywire));
