// The list of messages: what the log has in its order, then what is still unsent. Between days stands a divider, and
// a message of the same author within minutes goes without a byline. Nothing here knows of wires or scrolling.
(function (pages) {
  'use strict';
  var t = pages.t;
  var GROUP_MS = 300000; // five minutes: a longer silence starts a new paragraph of a conversation
  var MOST_NOTES_IN_A_ROW = 2; // a network that comes and goes all night must not fill the list

  /** *list*: the <ol>; *isMine(user)*: whether an author is this visitor. */
  pages.timeline = function (list, isMine) {
    var unsent = []; // the items not yet in the log, in the order typed
    var last = null; // the offset of the newest message here

    function is(item, name) { return !!item && pages.hasClass(item, name); }
    function isLogged(item) { return !!item && item.hasAttribute('data-offset'); }
    function offsetOf(item) { return Number(item.getAttribute('data-offset')); }
    function dayOfItem(item) { return pages.dayOf(Number(item.getAttribute('data-time'))); }

    function neighbour(item, step, wanted) {
      var other = item;
      do { other = other[step]; } while (other && !wanted(other));
      return other;
    }

    function isDivider(item) { return is(item, 'day'); }

    // Sets what depends on the item before: the day divider and whether the byline is repeated.
    function join(item) {
      var before = item.previousSibling;
      var earlier = neighbour(item, 'previousSibling', isLogged);
      var startsDay = !earlier || dayOfItem(earlier) !== dayOfItem(item);
      var time = Number(item.getAttribute('data-time'));
      if (isDivider(before) && !startsDay) {
        list.removeChild(before);
      } else if (!isDivider(before) && startsDay) {
        list.insertBefore(pages.make('li', 'day', pages.dayName(time)), item);
      }
      pages.setClass(item, 'follows', !startsDay && earlier === item.previousSibling &&
        earlier.getAttribute('data-author') === item.getAttribute('data-author') &&
        time - Number(earlier.getAttribute('data-time')) < GROUP_MS);
    }

    function firstLogged() { return list.querySelector('[data-offset]'); }

    function find(id) {
      for (var i = 0; i < unsent.length; i += 1) {
        if (unsent[i].getAttribute('data-id') === id) { return unsent[i]; }
      }
      return null;
    }

    function dropUnsent(item) {
      for (var i = 0; i < unsent.length; i += 1) {
        if (unsent[i] === item) { unsent.splice(i, 1); return; }
      }
    }

    /** A message at the live end; true if it is new here. */
    function append(message) {
      var item = message.id ? find(message.id) : null;
      if (last !== null && message.offset <= last) { return false; }
      last = message.offset;
      if (item) { dropUnsent(item); }
      if (item && item.nextSibling === (unsent[0] || null)) {
        pages.messageItem(message, true, item); // in place: a screen reader doesn't read it a second time
      } else {
        if (item) { list.removeChild(item); }
        item = list.insertBefore(pages.messageItem(message, isMine(message.user)), unsent[0] || null);
      }
      join(item);
      return true;
    }

    function textOf(item, name) {
      var node = item.querySelector('.' + name);
      return node ? node.textContent : '';
    }

    /** Takes over what the server has put into the list, in the reader's own time zone. */
    function adopt() {
      var served = [];
      for (var item = list.firstChild; item; item = list.firstChild) {
        if (item.nodeType === 1 && isLogged(item)) {
          served.push({
            offset: offsetOf(item), position: item.getAttribute('data-position'), time: Number(item.getAttribute('data-time')),
            user: {id: item.getAttribute('data-author'), name: textOf(item, 'author')}, data: {text: textOf(item, 'text')}
          });
        }
        list.removeChild(item);
      }
      for (var i = 0; i < served.length; i += 1) { append(served[i]); }
      pages.setClass(list, 'served', false);
    }

    /** Older messages, oldest first, above all others. */
    function prepend(messages) {
      var below = firstLogged();
      var top = list.firstChild;
      for (var i = 0; i < messages.length; i += 1) {
        if (below && messages[i].offset >= offsetOf(below)) { continue; }
        join(list.insertBefore(pages.messageItem(messages[i], isMine(messages[i].user)), top));
      }
      if (below) { join(below); }
    }

    function note(text, kind) {
      var item = pages.make('li', 'note ' + kind);
      var previous = (unsent[0] || {previousSibling: list.lastChild}).previousSibling;
      var inARow = 0;
      item.appendChild(pages.make('span', '', text + ' '));
      item.appendChild(pages.timeNode(new Date().getTime()));
      for (var older; is(previous, 'note') && is(previous, kind); previous = older) {
        older = previous.previousSibling;
        inARow += 1;
        if (inARow >= MOST_NOTES_IN_A_ROW) { list.removeChild(previous); }
      }
      list.insertBefore(item, unsent[0] || null);
    }

    function addUnsent(id, data, user) {
      var item = pages.unsentItem(id, data, user);
      unsent.push(item);
      list.appendChild(item);
      return item;
    }

    function remove(item) {
      dropUnsent(item);
      if (item.parentNode === list) { list.removeChild(item); }
    }

    /** Everything that the log had, gone; what is unsent stays. */
    function clear() {
      while (list.firstChild && list.firstChild !== unsent[0]) { list.removeChild(list.firstChild); }
      last = null;
    }

    /** Takes items away at the top until at most *keep* are left; true if a message went. */
    function trim(keep) {
      var went = false;
      while (list.childNodes.length > keep && list.firstChild !== unsent[0]) {
        went = went || isLogged(list.firstChild);
        list.removeChild(list.firstChild);
      }
      if (went && firstLogged()) { join(firstLogged()); }
      return went;
    }

    return {
      adopt: adopt, append: append, prepend: prepend, note: note, clear: clear, trim: trim, find: find, remove: remove,
      addUnsent: addUnsent,
      lastOffset: function () { return last; },
      first: firstLogged,
      unsent: function () { return unsent.slice(); },
      size: function () { return list.childNodes.length; },
      isEmpty: function () { return !firstLogged() && unsent.length === 0; }
    };
  };
}(window.AnywirePages));
