// The visitor's jobs, newest first; those that run are followed.
(function (pages) {
  'use strict';
  var t = pages.t;
  var MOST_FOLLOWED = 20;

  /** follow(id, onState) as the client's wire.job; current() is the id of the job that the page shows. */
  pages.jobList = function (follow, current) {
    var list = pages.find('jobs');
    var entries = {}; // by id
    var followed = 0;
    var known = null; // the ids of the last answer
    var pending = null; // what is being sent

    function make(job) {
      var item = pages.make('li', 'job-item');
      var link = pages.make('a', '', '');
      var bar = pages.smallBar(pages.jobTitle(job));
      var facts = pages.make('span', 'job-item-facts');
      link.setAttribute('href', pages.linkWith({job: job.id}));
      link.appendChild(pages.make('bdi', 'job-item-title', pages.jobTitle(job)));
      item.appendChild(link);
      item.appendChild(bar);
      item.appendChild(facts);
      return {node: item, link: link, bar: bar, drawBar: pages.jobBar(bar), facts: facts, position: ''};
    }

    function draw(entry, job) {
      var facts = [pages.jobWord(job.state)].concat(pages.jobFacts(job));
      entry.job = job;
      entry.node.setAttribute('data-state', job.state);
      entry.drawBar(job.percent, job.state, facts.join(', '));
      pages.setText(entry.facts, facts.join(' · ') + (pages.isEnded(job) ? ' · ' : ''));
      if (pages.isEnded(job)) { entry.facts.appendChild(pages.timeNode(job.updated)); }
    }

    function mark() {
      var id = current();
      for (var name in entries) {
        if (name === id) { entries[name].link.setAttribute('aria-current', 'page'); } else { entries[name].link.removeAttribute('aria-current'); }
      }
      var isNone = known !== null && !list.firstChild;
      pages.setText(pages.find('jobs-none'), isNone ? t('Nothing yet. What you import appears here.') : ''); // some browsers show what is hidden
      pages.show(pages.find('jobs-none'), isNone);
    }

    function follows(entry, id) {
      followed += 1;
      entry.isFollowed = true;
      follow(id, function (job, event) {
        if (!show(job, event.position)) { return; }
        if (pages.isEnded(job)) { followed -= 1; }
      });
    }

    function show(job, position) {
      var entry = entries[job.id];
      if (!entry || !pages.isCurrent(position, entry.position)) { return false; }
      entry.position = position;
      draw(entry, job);
      return true;
    }

    function take(jobs) {
      known = {};
      for (var i = jobs.length - 1; i >= 0; i -= 1) {
        var job = jobs[i];
        known[job.id] = true;
        if (pages.isReport(job)) { continue; }
        if (!entries[job.id]) {
          entries[job.id] = make(job);
          list.insertBefore(entries[job.id].node, pending ? pending.nextSibling : list.firstChild);
        }
        show(job, job.position);
        if (!pages.isEnded(job) && !entries[job.id].isFollowed && followed < MOST_FOLLOWED) { follows(entries[job.id], job.id); }
      }
      mark();
    }

    function load() {
      pages.ask('GET', 'v1/jobs', null, function (error, answer) {
        pages.setText(pages.find('jobs-notice'), error ? pages.errorWords(error) : '');
        if (!error) { take(answer.jobs); }
      }, function (error) { pages.setText(pages.find('jobs-notice'), pages.errorWords(error)); });
    }

    pages.empty(list); // what the server has put there, for where no script is

    return {
      load: load,
      mark: mark,
      /** Whether the list, as it was last read, didn't have *job*. */
      isNew: function (job) { return known !== null && !known[job.id]; },
      /** A file on its way, which is no job yet; '' once it is none any more. */
      sending: function (name, text) {
        if (pending && !name) {
          list.removeChild(pending);
          pending = null;
        } else if (name && !pending) {
          pending = list.insertBefore(pages.make('li', 'job-item pending'), list.firstChild);
          pending.appendChild(pages.make('bdi', 'job-item-title', name));
          pending.appendChild(pages.make('span', 'job-item-facts', text));
        } else if (name) {
          pages.setText(pending.lastChild, text);
        }
        mark();
      }
    };
  };
}(window.AnywirePages));
