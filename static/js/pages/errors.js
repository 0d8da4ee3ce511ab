// The server's error codes in the visitor's language. A code that isn't here is shown with the server's own words.
(function (pages) {
  'use strict';
  var t = pages.t;

  var words = {
    'bad-data': t('this cannot be sent as a message'),
    'too-large': t('the message is too long'),
    'rate-limited': t('too much in too short a time'),
    'after-refused': t('an earlier message has to be sent first'),
    'forbidden': t('this is not allowed here'),
    'dead-epoch': t('the server has started a new log since'),
    'unauthorized': t('you are not signed in'),
    'token-expired': t('your sign-in has expired'),
    'unavailable': t('the server cannot reach its database'),
    'draining': t('the server is restarting'),
    'internal': t('something went wrong on the server'),
    'network': t('the server could not be reached'),
    'closed': t('this page is disconnected')
  };

  pages.errorWords = function (error) {
    return words.hasOwnProperty(error.code) ? words[error.code] : error.message || error.code || String(error);
  };
}(window.AnywirePages));
