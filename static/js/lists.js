// The few operations on lists that ES3 engines lack.
(function (anywire) {
  'use strict';

  anywire.indexOf = function (list, item) {
    for (var i = 0; i < list.length; i += 1) {
      if (list[i] === item) { return i; }
    }
    return -1;
  };

  anywire.without = function (list, item) {
    var kept = [];
    for (var i = 0; i < list.length; i += 1) {
      if (list[i] !== item) { kept.push(list[i]); }
    }
    return kept;
  };

  // The same text for the same set of channels, whatever their order.
  anywire.namesOf = function (channels) {
    var names = [];
    for (var i = 0; i < channels.length; i += 1) { names.push(channels[i].name); }
    return names.sort().join();
  };
}(anywire));
