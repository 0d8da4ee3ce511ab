// A job's state in words.
(function (pages) {
  'use strict';
  var t = pages.t;

  var words = {
    sending: t('sending'),
    running: t('running'),
    stalled: t('stalled'),
    done: t('done'),
    failed: t('failed'),
    cancelled: t('cancelled')
  };

  // What the server itself names; what somebody's script names is shown as it is.
  var units = {rows: t('rows'), groups: t('groups'), items: t('items')};
  var titles = {'Import': t('Import'), 'Report': t('Report')};

  function known(list, name) { return list.hasOwnProperty(name) ? list[name] : name; }

  pages.jobWord = function (state) { return known(words, state); };

  pages.jobTitle = function (job) { return known(titles, job.title); };

  pages.isEnded = function (job) { return job.state === 'done' || job.state === 'failed' || job.state === 'cancelled'; };

  /** A report is a job, too, but nobody's work. */
  pages.isReport = function (job) { return job.unit === 'groups' && job.title === 'Report'; };

  function withUnit(count, job) {
    return job.unit ? t('{count} {unit}', {count: count, unit: known(units, job.unit)}) : count;
  }

  /** "1,240 of 2,000 rows" */
  pages.jobCount = function (job) {
    var done = pages.number(job.done);
    if (job.total === null) { return job.done ? withUnit(done, job) : ''; }
    return withUnit(t('{done} of {total}', {done: done, total: pages.number(job.total)}), job);
  };

  function rate(job) {
    var perMinute = job.rate < 1 ? job.rate * 60 : 0;
    return perMinute ? t('{count} a minute', {count: pages.number(perMinute)}) : t('{count} a second', {count: pages.number(job.rate)});
  }

  /** How far it is, how fast, and how long it will take: a list of words. */
  pages.jobFacts = function (job) {
    var facts = [];
    var count = pages.jobCount(job);
    if (count && !(job.state === 'done' && job.done === job.total)) { facts.push(count); }
    if (job.state === 'running' && job.rate) { facts.push(rate(job)); }
    if (job.state === 'running' && job.eta !== null) { facts.push(pages.timeLeft(job.eta)); }
    return facts;
  };

  function moment(time) {
    var day = pages.dayOf(time) === pages.dayOf(new Date().getTime()) ? '' : pages.dayOf(time) + ' ';
    return day + pages.clockTime(time, true);
  }

  /** "since 14:02:10", "at 14:02:31": when the state became what it is. */
  pages.jobWhen = function (job) {
    if (job.state === 'running') { return t('since {time}', {time: moment(job.started)}); }
    if (job.state === 'stalled') { return t('nothing heard since {time}', {time: moment(job.updated)}); }
    return t('at {time}', {time: moment(job.updated)});
  };

  /** What became of it; '' before its end. */
  pages.jobEnd = function (job) {
    var time = pages.duration((job.updated - job.started) / 1000);
    var result = job.result || {};
    if (job.state === 'done' && result.imported !== undefined) {
      return t('{imported} rows imported and {refused} refused in {time}.', {
        imported: pages.number(result.imported), refused: pages.number(result.refused), time: time
      });
    }
    if (job.state === 'done') { return t('Done in {time}.', {time: time}); }
    if (job.state === 'failed') { return t('It failed after {time}.', {time: time}); }
    if (job.state === 'cancelled') {
      return t('Cancelled after {time}.', {time: time}) + (job.items ? ' ' + t('What was imported until then stays.') : '');
    }
    return '';
  };

  /** A failed job's note is the server's own sentence. */
  pages.jobNote = function (job) { return job.note && job.state === 'failed' ? pages.serverSentence(job.note) : job.note || ''; };
}(window.AnywirePages));
