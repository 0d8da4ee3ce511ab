// One job as a whole card: first the file on its way, then what the server says of it. It never goes back to an older state.
(function (pages) {
  'use strict';
  var t = pages.t;
  var SAY_EVERY_PERCENT = 25; // to screen readers, which read all of it

  /** onCancel() when the button is pressed. */
  pages.jobView = function (onCancel) {
    var card = pages.find('job-card');
    var bar = pages.jobBar(pages.find('job-bar'));
    var cancel = pages.find('cancel');
    var notice = pages.find('job-notice');
    var said = pages.find('job-said');
    var heading = pages.find('title').firstChild;
    var pageTitle = document.title.replace(/^.* · (?=[^·]+ · )/, '');
    var newest = null; // {job, position}
    var mayCancel = false;
    var asked = '';
    var spoken = '';

    function put(id, text) {
      var node = pages.find(id);
      if (node.textContent !== text) { pages.setText(node, text); }
    }

    function show(view) {
      card.setAttribute('data-state', view.state);
      put('job-state', pages.jobWord(view.state));
      put('job-when', view.when || '');
      put('job-percent', view.percent === null ? '' : Math.floor(view.percent) + '%');
      put('job-facts', view.facts.join(' · '));
      put('job-note', view.note || '');
      put('job-end', view.end || '');
      bar(view.percent, view.state, [Math.floor(view.percent || 0) + '%'].concat(view.facts).join(', '));
      document.title = (view.percent === null ? '' : Math.floor(view.percent) + '% ') + heading.textContent + ' · ' + pageTitle;
      say(view);
    }

    function say(view) {
      var step = view.state + Math.floor((view.percent || 0) / SAY_EVERY_PERCENT);
      if (step !== spoken) {
        spoken = step;
        pages.setText(said, [pages.jobWord(view.state), view.when].concat(view.facts, view.end || []).join('. '));
      }
    }

    function showCancel(isShown) {
      pages.show(cancel, isShown);
      cancel.disabled = !!asked;
      pages.setText(cancel, asked || t('Cancel'));
    }

    function fromJob(job) {
      return {
        state: job.state, when: pages.jobWhen(job), percent: job.percent, facts: pages.jobFacts(job), note: pages.jobNote(job),
        end: pages.jobEnd(job)
      };
    }

    pages.listen(cancel, 'click', function () {
      asked = t('cancelling…');
      pages.setText(notice, '');
      showCancel(true);
      onCancel();
    });

    return {
      /** Another file begins. */
      begin: function () {
        newest = null;
        asked = '';
        pages.setText(notice, '');
      },
      /** The file is being sent. */
      sending: function (name, facts, percent) {
        pages.setText(heading, name);
        show({state: 'sending', percent: percent, facts: facts});
        showCancel(true);
      },
      /** Another job; *may* the visitor cancel it? */
      use: function (may) {
        newest = null;
        mayCancel = may;
      },
      /** *job* at *position*; returns false where something newer is shown. */
      show: function (job, position) {
        var hadFocus = document.activeElement === cancel;
        if (newest && (!pages.isCurrent(position, newest.position) || (pages.isEnded(newest.job) && !pages.isEnded(job)))) { return false; }
        newest = {job: job, position: position};
        pages.setText(heading, pages.jobTitle(job));
        show(fromJob(job));
        if (pages.isEnded(job)) { asked = ''; }
        showCancel(!pages.isEnded(job) && !!job.cancellable && (mayCancel || job.cancellable === 'anyone'));
        if (hadFocus && !pages.isShown(cancel)) { pages.find('title').focus(); }
        return true;
      },
      /** The cancel was refused, or can't be sent yet. */
      trouble: function (text) {
        asked = '';
        pages.setText(notice, text);
        cancel.disabled = false;
        pages.setText(cancel, t('Cancel'));
      },
      notice: function (text) { pages.setText(notice, text); },
      job: function () { return newest && newest.job; }
    };
  };
}(window.AnywirePages));
