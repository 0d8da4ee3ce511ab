// One message as a list item. `data-offset` marks what the log has; `data-id` what has not been acknowledged yet.
(function (pages) {
  'use strict';
  var t = pages.t;
  var HUES = 8;

  // The same person has the same colour on every screen; the letters of the id are all there is to go by.
  function hue(id) {
    var sum = 0;
    for (var i = 0; i < id.length; i += 1) { sum = (sum * 31 + id.charCodeAt(i)) % 9973; }
    return sum % HUES;
  }

  // A surrogate pair is one letter to the reader.
  function initial(name) {
    var pair = /^[\uD800-\uDBFF][\uDC00-\uDFFF]/.exec(name);
    return pair ? pair[0] : name.charAt(0).toUpperCase();
  }

  function textOf(data) {
    if (typeof data === 'string') { return data; }
    if (data && typeof data.text === 'string') { return data.text; }
    return JSON.stringify(data); // somebody's program publishes something else into this room: show it as it is
  }

  function byline(user) {
    var name = (user && user.name) || t('Somebody');
    var line = pages.make('p', 'byline');
    var avatar = pages.make('span', 'avatar hue-' + hue((user && user.id) || ''), initial(name));
    avatar.setAttribute('aria-hidden', 'true');
    line.appendChild(avatar);
    line.appendChild(pages.make('bdi', 'author', name));
    return line;
  }

  function bubble(text) {
    var node = pages.make('div', 'bubble');
    var body = pages.make('p', 'text', text);
    body.setAttribute('dir', 'auto');
    node.appendChild(body);
    node.appendChild(pages.make('p', 'meta'));
    return node;
  }

  function part(item, name) {
    return item.querySelector('.' + name);
  }

  function empty(node) {
    while (node.firstChild) { node.removeChild(node.firstChild); }
    return node;
  }

  /** What the log has: becomes *item* where that was the unsent one, else a new item. */
  pages.messageItem = function (message, isMine, item) {
    var made = item || pages.make('li', 'message');
    empty(made);
    made.className = isMine ? 'message mine' : 'message';
    made.removeAttribute('data-id');
    made.setAttribute('data-offset', message.offset);
    made.setAttribute('data-position', message.position);
    made.setAttribute('data-author', (message.user && message.user.id) || '');
    made.setAttribute('data-time', message.time);
    made.appendChild(byline(message.user));
    made.appendChild(bubble(textOf(message.data)));
    part(made, 'meta').appendChild(pages.timeNode(message.time));
    return made;
  };

  /** What was typed and is on its way. */
  pages.unsentItem = function (id, data, user) {
    var made = pages.make('li', 'message mine unsent');
    if (id) { made.setAttribute('data-id', id); }
    made.setAttribute('data-author', (user && user.id) || '');
    made.appendChild(byline(user));
    made.appendChild(bubble(textOf(data)));
    made.anywireData = data; // to be sent again as it was
    pages.markSending(made);
    return made;
  };

  pages.markSending = function (item) {
    pages.setClass(item, 'failed', false);
    pages.setClass(item, 'unsent', true);
    empty(part(item, 'meta')).appendChild(pages.make('span', 'delivery', t('sending…')));
  };

  /** Acknowledged, though its own event has not come by yet. */
  pages.markSent = function (item, time) {
    pages.setClass(item, 'unsent', false);
    empty(part(item, 'meta')).appendChild(pages.timeNode(time));
  };

  pages.markFailed = function (item, reason, onRetry, onDiscard) {
    var meta = empty(part(item, 'meta'));
    pages.setClass(item, 'unsent', false);
    pages.setClass(item, 'failed', true);
    meta.appendChild(pages.make('span', 'delivery', t('Not sent: {reason}', {reason: reason})));
    meta.appendChild(pages.button('link', t('Try again'), onRetry));
    meta.appendChild(pages.button('link', t('Discard'), onDiscard));
  };
}(window.AnywirePages));
