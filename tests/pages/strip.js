// Makes an engine poor before a page's first script runs: nothing beyond ES5, attachEvent instead of addEventListener, storage
// that throws when it is so much as looked at, no clock but Date, no randomness but Math's, no observers, no classList.
(function () {
  'use strict';
  var addToWindow = window.addEventListener;
  var addToNode = document.addEventListener; // another one in old WebKit
  var globals = [
    'Promise', 'Map', 'Set', 'WeakMap', 'WeakSet', 'Symbol', 'Proxy', 'Reflect', 'fetch', 'Request', 'Response', 'Headers',
    'AbortController', 'ReadableStream', 'TextDecoder', 'TextEncoder', 'URL', 'URLSearchParams', 'performance', 'crypto', 'Intl',
    'MutationObserver', 'WebKitMutationObserver', 'IntersectionObserver', 'ResizeObserver', 'requestAnimationFrame', 'queueMicrotask',
    'structuredClone', 'BroadcastChannel', 'Notification'
  ];
  var methods = {
    Array: ['find', 'findIndex', 'fill', 'flat', 'flatMap', 'keys', 'values', 'entries', 'at'],
    String: ['includes', 'startsWith', 'endsWith', 'repeat', 'padStart', 'padEnd', 'normalize', 'matchAll', 'replaceAll', 'at'],
    Function: ['bind'],
    EventTarget: ['addEventListener', 'removeEventListener'],
    Node: ['addEventListener', 'removeEventListener', 'append', 'prepend', 'remove'],
    Element: ['classList', 'dataset', 'append', 'prepend', 'remove', 'closest', 'matches', 'toggleAttribute'],
    HTMLElement: ['classList', 'dataset'],
    XMLHttpRequest: ['addEventListener']
  };

  function drop(object, name) {
    try { delete object[name]; } catch (fixed) { /* strict mode says so */ }
    if (object && name in object) { try { object[name] = undefined; } catch (readOnly) { /* then it stays */ } }
  }

  function throwing(name) {
    try {
      Object.defineProperty(window, name, {configurable: true, get: function () { throw new Error('storage is forbidden'); }});
    } catch (fixed) { /* an engine that doesn't let it be hidden */ }
  }

  function attach(type, act) {
    (this === window ? addToWindow : addToNode).call(this, type.slice(2), function (event) { act(event); }, false);
  }

  for (var i = 0; i < globals.length; i += 1) { drop(window, globals[i]); }
  for (var owner in methods) {
    for (var j = 0; window[owner] && j < methods[owner].length; j += 1) { drop(window[owner].prototype, methods[owner][j]); }
  }
  ['from', 'of'].forEach(function (name) { drop(Array, name); });
  ['assign', 'entries', 'values', 'fromEntries', 'is'].forEach(function (name) { drop(Object, name); });
  drop(window, 'addEventListener');
  drop(document, 'addEventListener');
  window.attachEvent = attach;
  (window.Node || window.Element).prototype.attachEvent = attach;
  if (!document.attachEvent) { document.attachEvent = attach; }
  throwing('localStorage');
  throwing('sessionStorage');
  window.isStripped = true;
}());
