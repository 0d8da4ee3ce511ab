// The few operations on lists and on objects used as maps that ES3 engines lack.
(function (anywire) {
  'use strict';

  // Over the list as it is now: what is added or taken away meanwhile makes a new list.
  anywire.each = function (list, fn) {
    for (var i = 0, count = list.length; i < count; i += 1) { fn(list[i]); }
  };

  anywire.filter = function (list, test) {
    var kept = [];
    anywire.each(list, function (item) { if (test(item)) { kept.push(item); } });
    return kept;
  };

  anywire.without = function (list, item) {
    return anywire.filter(list, function (other) { return other !== item; });
  };

  anywire.indexOf = function (list, item) {
    for (var i = list.length - 1; i >= 0 && list[i] !== item;) { i -= 1; }
    return i;
  };

  anywire.has = function (list, item) { return anywire.indexOf(list, item) >= 0; };

  anywire.keys = function (map) {
    var found = [];
    for (var name in map) {
      if (map.hasOwnProperty(name)) { found.push(name); }
    }
    return found;
  };

  // The same text for the same set of subscriptions, whatever their order.
  anywire.namesOf = function (channels) {
    var names = [];
    anywire.each(channels, function (channel) { names.push(channel.name + ' ' + channel.serial); });
    return names.sort().join();
  };
}(anywire));
