// How a vote stands: bars, counts and percents. An older tally never replaces a newer one.
(function (pages) {
  'use strict';
  var t = pages.t;

  function percentOf(count, voters) { return voters ? Math.round(100 * count / voters) : 0; }

  pages.votersWords = function (count) {
    if (count === 0) { return t('Nobody has voted yet.'); }
    return count === 1 ? t('One person has voted.') : t('{count} people have voted.', {count: pages.number(count)});
  };

  /** "today at 17:00", "on 2026-12-01 at 17:00" */
  function moment(time) {
    var isToday = pages.dayOf(time) === pages.dayOf(new Date().getTime());
    var values = {day: pages.dayOf(time), time: pages.clockTime(time)};
    return isToday ? t('today at {time}', values) : t('on {day} at {time}', values);
  }

  function isLeading(vote, number) {
    for (var i = 0; i < vote.tally.length; i += 1) {
      if (vote.tally[i] > vote.tally[number]) { return false; }
    }
    return vote.tally[number] > 0;
  }

  function leaders(vote) {
    var names = [];
    for (var i = 0; i < vote.choices.length; i += 1) {
      if (isLeading(vote, i)) { names.push(vote.choices[i]); }
    }
    return names.join(', ');
  }

  /** Draws into the page's list of choices; show(vote, position) returns false where something newer is shown. */
  pages.tally = function () {
    var items = pages.find('choices').getElementsByTagName('li');
    var newest = '';

    function part(number, name) { return items[number].querySelector('.' + name); }

    function drawChoice(vote, number) {
      var percent = percentOf(vote.tally[number], vote.voters);
      part(number, 'bar-done').style.width = percent + '%';
      pages.setText(part(number, 'share-of'), percent + '%');
      pages.setText(part(number, 'votes'), vote.tally[number] === 1 ? t('1 vote') :
        t('{count} votes', {count: pages.number(vote.tally[number])}));
      pages.setClass(items[number], 'leading', isLeading(vote, number));
    }

    function drawState(vote) {
      var when = vote.closes ? moment(vote.closes) : '';
      pages.find('ballot').setAttribute('data-open', String(vote.open));
      pages.setText(pages.find('state'), vote.open ? t('open') : t('closed'));
      pages.setText(pages.find('closes'), vote.open && when ? t('closes {when}', {when: when}) : '');
      pages.setText(pages.find('voters'), pages.votersWords(vote.voters));
      if (!vote.open) {
        pages.setText(pages.find('rule'), leaders(vote) ? t('Most votes: {choice}.', {choice: leaders(vote)}) : t('This vote is closed.'));
        pages.setText(pages.find('share-title'), t('Show others the result'));
      }
    }

    return {
      show: function (vote, position) {
        if (!pages.isCurrent(position, newest)) { return false; }
        newest = position;
        for (var i = 0; i < items.length; i += 1) { drawChoice(vote, i); }
        drawState(vote);
        return true;
      }
    };
  };
}(window.AnywirePages));
