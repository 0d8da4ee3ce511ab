// Times as people read them, in the visitor's own time zone. Written out by hand: old engines take no options for
// toLocaleTimeString and answer with seconds and zone names.
(function (pages) {
  'use strict';
  var t = pages.t;
  var DAY_MS = 86400000;

  function pad(number) {
    return number < 10 ? '0' + number : String(number);
  }

  /** The calendar day of *time* in this time zone, as 2026-11-22. */
  pages.dayOf = function (time) {
    var date = new Date(time);
    return date.getFullYear() + '-' + pad(date.getMonth() + 1) + '-' + pad(date.getDate());
  };

  pages.clockTime = function (time, withSeconds) {
    var date = new Date(time);
    return pad(date.getHours()) + ':' + pad(date.getMinutes()) + (withSeconds ? ':' + pad(date.getSeconds()) : '');
  };

  /** "Today", "Yesterday", or the date in words where the engine can say it. */
  pages.dayName = function (time) {
    var day = pages.dayOf(time);
    var now = new Date().getTime();
    if (day === pages.dayOf(now)) { return t('Today'); }
    if (day === pages.dayOf(now - DAY_MS)) { return t('Yesterday'); }
    if (window.Intl && window.Intl.DateTimeFormat) {
      return new Date(time).toLocaleDateString(
        pages.language, {weekday: 'long', year: 'numeric', month: 'long', day: 'numeric'});
    }
    return day;
  };

  /** A <time> that shows the time of day; the whole date is in its title and, in UTC, in `datetime`. */
  pages.timeNode = function (time) {
    var node = pages.make('time', 'time', pages.clockTime(time));
    node.setAttribute('datetime', new Date(time).toISOString());
    node.setAttribute('title', pages.dayOf(time) + ' ' + pages.clockTime(time, true));
    return node;
  };
}(window.AnywirePages));
