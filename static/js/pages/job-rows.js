// A job's items: the newest few as they come, and all that were refused, page by page. Every item is stored before the
// state that counts it, so the state says what there is to ask for.
(function (pages) {
  'use strict';
  var t = pages.t;
  var KEPT = 60; // in the document, however many come
  var PAGE = 50; // of the refused, which are read one by one
  var QUIET_MS = 250;

  function rowNumber(item) { return pages.number(item.index + 1); }

  // Whatever a task of this site says of its items.
  function rest(item) {
    var kept = {};
    for (var name in item) {
      if (item.hasOwnProperty(name) && !/^(type|index|ok)$/.test(name)) { kept[name] = item[name]; }
    }
    return JSON.stringify(kept);
  }

  function outcome(item) {
    if (!item.ok) { return pages.serverSentence((item.error && (item.error.message || item.error.code)) || t('refused')); }
    return item.id ? t('imported') : rest(item);
  }

  function rowItem(item, isNew) {
    var node = pages.make('li', (item.ok ? 'ok' : 'not-ok') + (isNew ? ' new' : ''));
    node.setAttribute('data-index', item.index);
    node.appendChild(pages.make('span', 'row-number', t('Row {number}', {number: rowNumber(item)})));
    var text = pages.make('span', 'row-text', ' ' + outcome(item));
    text.setAttribute('dir', 'auto');
    node.appendChild(text);
    return node;
  }

  /** Of the job *id*; news(job) whenever its state has changed. */
  pages.jobRows = function (id) {
    var list = pages.find('rows');
    var refused = pages.find('refused');
    var more = pages.find('refused-more');
    var path = 'v1/jobs/' + encodeURIComponent(id) + '/items?';
    var job = null;
    var next = 0; // the index of the first item that isn't here yet
    var isAsking = false;
    var lastRefused = -1;
    var isAskingRefused = false;
    var hasMore = false;
    var checked = -1; // so many items were there when the refused ones were asked for
    var stopped = false;

    function showCounts() {
      var result = job.result || {};
      var count = refused.childNodes.length;
      var known = result.refused === undefined ? count : result.refused;
      pages.show(pages.find('rows-part'), list.childNodes.length > 0);
      pages.show(pages.find('refused-part'), count > 0);
      pages.setText(pages.find('rows-count'), pages.number(job.items));
      pages.setText(pages.find('refused-count'), pages.number(known) + (hasMore && known === count ? '+' : ''));
      pages.show(more, hasMore);
    }

    // --- the newest

    function showNewest(items) {
      var fresh = document.createDocumentFragment();
      for (var i = items.length - 1; i >= 0; i -= 1) { fresh.appendChild(rowItem(items[i], true)); }
      list.insertBefore(fresh, list.firstChild);
      while (list.childNodes.length > KEPT) { list.removeChild(list.lastChild); }
    }

    function ask() {
      if (stopped || isAsking || !job || !(job.items > next)) { return; }
      isAsking = true;
      var after = Math.max(next, job.items - KEPT) - 1;
      pages.ask('GET', path + 'after=' + after + '&limit=' + KEPT, null, function (error, answer) {
        isAsking = false;
        if (stopped || error || !answer.items.length) { return; } // they are not kept for ever
        showNewest(answer.items);
        next = answer.items[answer.items.length - 1].index + 1;
        showCounts();
        setTimeout(ask, QUIET_MS);
      });
    }

    // --- the refused

    function showRefused(items) {
      for (var i = 0; i < items.length; i += 1) {
        refused.appendChild(rowItem(items[i], false));
        lastRefused = items[i].index;
      }
    }

    // Up to a page of them comes by itself; then only whether there are more is asked.
    function askRefused(wanted) {
      var isFull = refused.childNodes.length >= PAGE && !wanted;
      var items = job ? job.items : 0;
      if (stopped || isAskingRefused || (!wanted && (checked >= items || hasMore))) { return; }
      isAskingRefused = true;
      pages.ask('GET', path + 'ok=false&after=' + lastRefused + '&limit=' + (isFull ? 1 : PAGE), null, function (error, answer) {
        isAskingRefused = false;
        more.disabled = false;
        pages.setText(more, t('Show more'));
        if (stopped || error) { return; }
        checked = items;
        if (!isFull) { showRefused(answer.items); }
        hasMore = isFull ? answer.items.length > 0 : answer.more;
        showCounts();
        setTimeout(function () { askRefused(false); }, QUIET_MS);
      });
    }

    function onMore() {
      more.disabled = true;
      pages.setText(more, t('Loading…'));
      askRefused(true);
    }

    pages.listen(more, 'click', onMore);
    pages.setText(list, '');
    pages.setText(refused, '');

    return {
      news: function (state) {
        job = state;
        if (!(job.items > 0)) { return; }
        ask();
        askRefused(false);
      },
      stop: function () { stopped = true; }
    };
  };
}(window.AnywirePages));
