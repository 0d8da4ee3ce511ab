// An event stream, read as WHATWG HTML section 9.2.6 says, from text that comes in pieces cut anywhere.
(function (anywire) {
  'use strict';

  /**
   * Returns the function that takes the pieces. onEvent({type, data, lastEventId}) for each event, once its blank line has
   * come; retryMs of that function is the last reconnection time that the stream asked for.
   */
  anywire.eventStream = function (onEvent) {
    var skipped = /^\uFEFF/; // at the start of the next piece
    var rest = ''; // of a line whose end hasn't come
    var data = '';
    var type = '';
    var id = '';

    function take(line) {
      var colon = (line + ':').indexOf(':');
      var name = line.slice(0, colon);
      var value = line.slice(colon + 1).replace(/^ /, '');
      if (name === 'data') { data += value + '\n'; }
      if (name === 'event') { type = value; }
      if (name === 'id' && value.indexOf('\0') < 0) { id = value; }
      if (name === 'retry' && /^\d+$/.test(value)) { read.retryMs = +value; }
      if (!line) { dispatch({type: type || 'message', data: data.slice(0, -1), lastEventId: id}); }
    }

    function dispatch(event) {
      var isEmpty = !data;
      data = type = '';
      if (!isEmpty) { onEvent(event); }
    }

    function read(piece) {
      var lines;
      if (!piece) { return; }
      lines = piece.replace(skipped, '').replace(/\r\n?/g, '\n').split('\n');
      skipped = /\r$/.test(piece) ? /^\n/ : '';
      lines[0] = rest + lines[0];
      rest = lines.pop();
      anywire.each(lines, take);
    }

    return read;
  };
}(anywire));
