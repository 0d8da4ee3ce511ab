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
    'no-transport': t('the kind of connection that this page asks for is not to be had here'),
    'too-many-connections': t('too many connections are open from your network'),
    'bad-origin': t('this server does not serve pages of that site'),
    'goaway': t('the server has sent this page away'),
    'closed': t('this page is disconnected'),
    'not-found': t('there is no such thing here, or not any more'),
    'job-ended': t('it has ended already'),
    'too-many-tasks': t('too many tasks are running just now'),
    'bad-media-type': t('this kind of file is not understood here'),
    'vote-closed': t('the vote is closed')
  };
  var HTTP = t('something on the way answered in place of the server');

  pages.errorWords = function (error) {
    if (words.hasOwnProperty(error.code)) { return words[error.code]; }
    return /^http-/.test(error.code) ? HTTP : error.message || error.code || String(error);
  };
}(window.AnywirePages));
