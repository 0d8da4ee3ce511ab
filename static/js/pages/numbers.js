// Numbers, sizes and durations as people read them. Written out by hand, as in clock.js: old engines format no numbers.
(function (pages) {
  'use strict';
  var t = pages.t;
  var KB = 1024;

  /** 1234567.89 as 1,234,567.9, which both languages write alike. */
  pages.number = function (value) {
    var digits = value < 100 ? Math.round(value * 10) / 10 : Math.round(value);
    var parts = String(digits).split('.');
    parts[0] = parts[0].replace(/(\d)(?=(\d{3})+$)/g, '$1,');
    return parts.join('.');
  };

  function unitOf(bytes) {
    return bytes < 1000 * KB ? {bytes: KB, name: 'kB'} : {bytes: KB * KB, name: 'MB'};
  }

  function inUnit(bytes, unit) { return pages.number(bytes && Math.max(0.1, bytes / unit.bytes)); }

  pages.size = function (bytes) {
    var unit = unitOf(bytes);
    return inUnit(bytes, unit) + ' ' + unit.name;
  };

  /** "12 of 40 MB" */
  pages.sizeOf = function (done, total) {
    var unit = unitOf(total);
    return t('{done} of {total}', {done: inUnit(done, unit), total: inUnit(total, unit) + ' ' + unit.name});
  };

  /** How long something took. */
  pages.duration = function (seconds) {
    var minutes = Math.floor(seconds / 60);
    if (seconds < 10) { return t('{count} s', {count: pages.number(seconds)}); }
    if (minutes < 1) { return t('{count} s', {count: Math.round(seconds)}); }
    if (minutes < 60) { return t('{minutes} min {seconds} s', {minutes: minutes, seconds: Math.floor(seconds % 60)}); }
    return t('{hours} h {minutes} min', {hours: pages.number(Math.floor(minutes / 60)), minutes: minutes % 60});
  };

  /** A guess, and worded as one. */
  pages.about = function (seconds) {
    if (seconds < 4) { return t('a few seconds'); }
    if (seconds < 50) { return t('about {count} seconds', {count: Math.ceil(seconds / 5) * 5}); }
    if (seconds < 90) { return t('about a minute'); }
    if (seconds < 5400) { return t('about {count} minutes', {count: Math.round(seconds / 60)}); }
    if (seconds < 129600) { return t('about {count} hours', {count: Math.round(seconds / 3600)}); }
    return t('about {count} days', {count: Math.round(seconds / 86400)});
  };

  pages.timeLeft = function (seconds) { return t('{time} left', {time: pages.about(seconds)}); };
}(window.AnywirePages));
