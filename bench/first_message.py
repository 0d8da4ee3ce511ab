"""Time to the first message in Chromium: the client beside a bare WebSocket, in alternating pairs.

    .venv/bin/python -m bench.first_message [--pairs 100]

Method: one page, one channel that holds a message; each side of a pair opens a connection and stops the clock when the
channel's newest message arrives. The bare side is `new WebSocket(…?sub=CHANNEL@-1)` and nothing else. Which of the two
begins changes from pair to pair. Medians over all pairs, and their ratio.
"""

import argparse
import statistics

from tests.pages.browser import publish, start_chromium
from tests.running import Server

PAIR = """
var done = arguments[arguments.length - 1], channel = 'chat:first', times = {};
function bare(next) {
  var since = performance.now();
  var socket = new WebSocket(location.origin.replace('http', 'ws') + '/v1/websocket?sub=' + channel + '@-1', 'anywire.v1');
  socket.onmessage = function (event) {
    if (JSON.parse(event.data).type === 'message') {
      times.bare = performance.now() - since;
      socket.close();
      setTimeout(next, 20);
    }
  };
}
function ours(next) {
  var since = performance.now();
  var wire = Anywire.connect('./');
  wire.subscribe(channel, {history: 1}, function (event) {
    if (event.type === 'message' && !times.ours) {
      times.ours = performance.now() - since;
      times.transport = wire.transport;
      wire.close();
      setTimeout(next, 20);
    }
  });
}
if (arguments[0]) { bare(function () { ours(function () { done(times); }); }); }
else { ours(function () { bare(function () { done(times); }); }); }
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100)
    pairs = parser.parse_args().pairs
    server = Server().start()
    driver = start_chromium()
    try:
        publish(server.url, "first", "hello")
        driver.get(server.url + "/")
        driver.set_script_timeout(10)
        found = [driver.execute_async_script(PAIR, number % 2 == 0) for number in range(pairs + 5)][5:]
    finally:
        driver.quit()
        server.close()
    bare, ours = (statistics.median(times[side] for times in found) for side in ("bare", "ours"))
    others = [times["transport"] for times in found if times["transport"] != "websocket"]
    print(f"{pairs} pairs: bare WebSocket {bare:.2f} ms, Anywire {ours:.2f} ms, ratio {ours / bare:.2f}; not by WebSocket: {len(others)}")


if __name__ == "__main__":
    main()
