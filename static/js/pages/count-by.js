// A report over what a job imported: counted by one field, each group shown as it comes.
(function (pages) {
  'use strict';
  var t = pages.t;
  var TOP = 20;
  var KEY = 'anywire:fields:';

  function session() {
    try { return window.sessionStorage; } catch (forbidden) { return null; }
  }

  /** The field names of what *job* imports, which this browser has read in the file, for the form after a reload. */
  pages.keepFields = function (job, names) {
    try { session().setItem(KEY + job, JSON.stringify(names)); } catch (none) { /* then they are typed */ }
  };

  function keptFields(job) {
    try { return JSON.parse(session().getItem(KEY + job)) || []; } catch (none) { return []; }
  }

  // Where the fields are known they are chosen from, else typed.
  function offerFields(names) {
    var select = pages.make('select');
    select.id = 'by';
    for (var i = 0; i < names.length; i += 1) {
      var option = pages.make('option', '', names[i]);
      option.value = names[i];
      select.appendChild(option);
    }
    if (names.length) { pages.find('by').parentNode.replaceChild(select, pages.find('by')); }
  }

  function valueText(value) {
    if (value === null || value === '') { return t('(nothing)'); }
    return typeof value === 'number' ? pages.number(value) : String(value);
  }

  function groupItem(item, largest) {
    var node = pages.make('li', 'group');
    var label = pages.make('span', 'group-value', valueText(item.value));
    var bar = pages.make('span', 'group-bar');
    label.setAttribute('dir', 'auto');
    bar.setAttribute('aria-hidden', 'true');
    bar.appendChild(pages.make('span', 'bar-done'));
    bar.firstChild.style.width = 100 * item.count / largest + '%';
    node.appendChild(label);
    node.appendChild(bar);
    node.appendChild(pages.make('span', 'group-count', ' ' + pages.number(item.count)));
    return node;
  }

  /** Of *job*; run(task, input, options) as the client's. */
  pages.countBy = function (job, run) {
    var list = pages.find('groups');
    var end = pages.find('report-end');
    var notice = pages.find('report-notice');
    var button = pages.find('count');
    var asked = 0;

    function count(by) {
      var largest = 0;
      var mine = asked += 1; // an earlier report may still be on its way
      pages.setText(list, '');
      pages.setText(notice, '');
      pages.setText(end, t('counting…'));
      button.disabled = true;
      run('report', {by: by, job: job, top: TOP}, {
        onItem: function (item) {
          if (mine !== asked) { return; }
          largest = largest || item.count; // the groups come largest first
          list.appendChild(groupItem(item, largest));
        },
        onEnd: function (error, result) {
          if (mine !== asked) { return; }
          button.disabled = false;
          if (error) {
            pages.setText(end, '');
            pages.setText(notice, t('Not counted: {reason}', {reason: pages.errorWords(error)}));
          } else {
            pages.setText(end, result.groups < TOP ?
              t('{records} rows in {groups} groups.', {records: pages.number(result.records), groups: result.groups}) :
              t('The {groups} largest groups of {records} rows.', {records: pages.number(result.records), groups: result.groups}));
          }
        }
      });
    }

    pages.setText(list, '');
    pages.setText(end, '');
    offerFields(keptFields(job));
    pages.find('report-form').onsubmit = function () {
      var by = pages.find('by').value.replace(/^\s+|\s+$/g, '');
      if (by) { count(by); } else { pages.find('by').focus(); }
      return false;
    };
    pages.show(pages.find('report'), true);
  };
}(window.AnywirePages));
