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
      for (var i = 0; i < entries.length; i += 1) {
        kept.push([entries[i].id, entries[i].channel, entries[i].json]);
      }
      try {
        if (kept.length) { env.session.setItem(key, JSON.stringify(kept)); } else { env.session.removeItem(key); }
      } catch (noRoom) { /* then a reload loses them; the page still shows them as unsent */ }
    }

    // Once for all that one turn changes: a burst of a thousand messages is not a thousand copies of the list.
    function changed() {
      if (env.session && !isSaving) {
        isSaving = true;
        env.soon(save);
      }
    }

    function load() {
      var kept;
      try { kept = JSON.parse(env.session.getItem(key)) || []; } catch (none) { return; }
      for (var i = 0; i < kept.length; i += 1) {
        entries.push({id: kept[i][0], channel: kept[i][1], json: kept[i][2], done: function () {}, isSent: false});
      }
    }

    load();
    return {
      /** *json* is the text that is sent, taken at once: the page may change its object afterwards. */
      add: function (channel, json, done) {
        var entry = {id: env.id(), channel: channel, json: json, done: done, isSent: false};
        entries.push(entry);
        changed();
        return entry;
      },
      /** False where it is gone already: two wires may both acknowledge it. */
      remove: function (entry) {
        var before = entries.length;
        entries = anywire.without(entries, entry);
        changed();
        return entries.length < before;
      },
      /** The entries of *channel*, or all, oldest first. */
      list: function (channel) {
        var found = [];
        for (var i = 0; i < entries.length; i += 1) {
          if (!channel || entries[i].channel === channel) { found.push(entries[i]); }
        }
        return found;
      },
      save: save
    };
  };
}(anywire));
