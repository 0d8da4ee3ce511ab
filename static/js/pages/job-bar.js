// A progress bar: a role and values for who can't see it, a width for who can.
(function (pages) {
  'use strict';

  /** Returns show(percent, state, words): percent null where nobody knows how far it is. */
  pages.jobBar = function (bar) {
    var done = bar.querySelector('.bar-done');
    return function (percent, state, words) {
      var isKnown = percent !== null && percent !== undefined;
      bar.setAttribute('data-state', state);
      bar.setAttribute('data-known', String(isKnown));
      bar.setAttribute('aria-valuetext', words);
      if (isKnown) { bar.setAttribute('aria-valuenow', String(Math.floor(percent))); } else { bar.removeAttribute('aria-valuenow'); }
      done.style.width = isKnown ? percent + '%' : '';
    };
  };

  /** A new one, for a list. */
  pages.smallBar = function (label) {
    var bar = pages.make('div', 'bar small');
    bar.setAttribute('role', 'progressbar');
    bar.setAttribute('aria-valuemin', '0');
    bar.setAttribute('aria-valuemax', '100');
    bar.setAttribute('aria-label', label);
    bar.appendChild(pages.make('span', 'bar-done'));
    return bar;
  };
}(window.AnywirePages));
