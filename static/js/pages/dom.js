// The few things about the DOM that every page script needs. Text only ever enters a page through `textContent`, so
// whatever somebody wrote is shown and never run.
(function (pages) {
  'use strict';

  pages.find = function (id) {
    return document.getElementById(id);
  };

  pages.empty = function (node) {
    while (node.firstChild) { node.removeChild(node.firstChild); }
  };

  pages.setText = function (node, text) {
    pages.empty(node);
    node.appendChild(document.createTextNode(text));
  };

  /** An element with a class and text, both optional: make('span', 'author', 'Ann'). */
  pages.make = function (tag, className, text) {
    var node = document.createElement(tag);
    if (className) { node.className = className; }
    if (text !== undefined) { node.appendChild(document.createTextNode(text)); }
    return node;
  };

  /** A button that does nothing but *act*, never a form's submit. */
  pages.button = function (className, text, act) {
    var node = pages.make('button', className, text);
    node.setAttribute('type', 'button');
    pages.listen(node, 'click', act);
    return node;
  };

  pages.listen = function (node, type, act) {
    if (node.addEventListener) {
      node.addEventListener(type, act, false);
    } else {
      node.attachEvent('on' + type, act);
    }
  };

  pages.stop = function (event) {
    if (event.preventDefault) { event.preventDefault(); } else { event.returnValue = false; }
  };

  // The attribute as well as the property: engines without `hidden` follow the style sheet's [hidden].
  pages.show = function (node, shown) {
    if (shown) { node.removeAttribute('hidden'); } else { node.setAttribute('hidden', ''); }
  };

  pages.isShown = function (node) {
    return !node.hasAttribute('hidden');
  };

  pages.hasClass = function (node, name) {
    return (' ' + node.className + ' ').indexOf(' ' + name + ' ') >= 0;
  };

  pages.setClass = function (node, name, wanted) {
    var has = pages.hasClass(node, name);
    if (wanted && !has) {
      node.className = node.className ? node.className + ' ' + name : name;
    } else if (!wanted && has) {
      node.className = (' ' + node.className + ' ').replace(' ' + name + ' ', ' ').replace(/^\s+|\s+$/g, '');
    }
  };

  /** A page's script calls it once it works: what stands in where there is none goes, and what unfolds on demand is folded. */
  pages.takeOver = function () {
    var plain = document.querySelectorAll('.plain');
    var folded = document.querySelectorAll('.folded');
    for (var i = 0; i < plain.length; i += 1) { plain[i].parentNode.removeChild(plain[i]); }
    for (var j = 0; j < folded.length; j += 1) {
      pages.show(folded[j], false);
      pages.setClass(folded[j], 'folded', false);
    }
  };

  pages.isPageHidden = function () {
    return document.hidden === true || document.webkitHidden === true;
  };

  /** The JSON that the server put into the page under *id*, or {}. */
  pages.block = function (id) {
    var node = pages.find(id);
    return node ? JSON.parse(node.textContent || node.text) : {};
  };
}(window.AnywirePages = window.AnywirePages || {}));
