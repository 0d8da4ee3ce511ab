// When a new vote closes: by hand, some time from now, or at a time of the visitor's own zone.
(function (pages) {
  'use strict';

  function pad(number) { return number < 10 ? '0' + number : String(number); }

  function local(date) { return pages.dayOf(date.getTime()) + 'T' + pad(date.getHours()) + ':' + pad(date.getMinutes()); }

  /** "2030-12-31 18:00", with T as the browser's own field has it, in this time zone, as ms since 1970; NaN where it is no time. */
  pages.parseLocalTime = function (text) {
    var found = /^\s*(\d{4})-(\d{1,2})-(\d{1,2})[T\s]+(\d{1,2}):(\d{2})/.exec(text);
    return found ? new Date(+found[1], found[2] - 1, +found[3], +found[4], +found[5]).getTime() : NaN;
  };

  /** Returns value(): null for never, NaN for what can't be read, else ms since 1970. */
  pages.closingTime = function () {
    var select = pages.find('closing');
    var field = pages.find('closing-time');

    function showField() {
      var isAt = select.value === 'at';
      var soon = new Date(new Date().getTime() + 86400000);
      pages.show(pages.find('closing-at'), isAt);
      if (isAt && !field.value) {
        field.min = local(new Date());
        field.value = local(soon);
      }
      if (isAt) { field.focus(); }
    }

    pages.listen(select, 'change', showField);
    if (select.value === 'at') { showField(); } // kept by a browser that went back

    return {
      value: function () {
        if (!select.value) { return null; }
        return select.value === 'at' ? pages.parseLocalTime(field.value) : new Date().getTime() + select.value * 1000;
      },
      focus: function () { (select.value === 'at' ? field : select).focus(); }
    };
  };
}(window.AnywirePages));
