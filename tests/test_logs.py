"""The log: one line for an event, an object a line where asked for, and nothing in it that is nobody's business."""

import contextlib
import json
import logging
import os
import signal
import socket

import pytest

import logs
from tests.handlers.talking import API_KEY, BACKEND, Closed, Visitor, ask, connect, eventually, read_answer, request
from tests.running import Server

SECRET = "SECRET-" + "a1b2c3"


def record(text: str, *arguments: object, level: int = logging.WARNING, name: str = "anywire.x", **fields: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": text, "args": arguments, "levelno": level, "levelname": "WARNING", "name": name, **fields})


def test_a_line_of_json_has_its_fields():
    line = json.loads(logs.Json().format(record("%s is\nlate", "it", created=1.0015, channel="chat:x", process=7)))
    assert line == {
        "time": "1970-01-01T00:00:01.002Z",
        "level": "warning",
        "logger": "anywire.x",
        "pid": 7,
        "message": "it is\nlate",
        "channel": "chat:x",
    }


def test_an_exception_is_one_line_too():
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        text = logs.Json().format(record("failed", exc_info=(type(error), error, error.__traceback__)))
    assert "\n" not in text and "ValueError: two\nlines" in json.loads(text)["exception"]


def test_a_warning_is_not_repeated_all_the_time():
    now = [0.0]
    sparing = logs.Sparing(lambda: now[0])
    assert [sparing.filter(record("%d fail", number)) for number in range(5)] == [True, False, False, False, False]
    assert sparing.filter(record("another")) and sparing.filter(record("%d fail", 1, level=logging.ERROR))
    now[0] = logs.REPEATED_S
    told = record("%d fail", 9)
    assert sparing.filter(told) and told.getMessage() == "9 fail (and 4 more like it before)"


def test_a_query_in_what_tornado_says_is_left_out():
    told = record("Uncaught exception %s\n%s", "GET /static/x?token=t", "uri='/static/x?token=t', version", name="tornado.application")
    assert logs.without_queries(told) and told.getMessage() == "Uncaught exception GET /static/x?…\nuri='/static/x?…', version"


@pytest.fixture
def channel() -> str:
    return "chat:logged"


@pytest.fixture(params=["text", "json"])
def logged(request, start_server) -> Server:
    """A server that tells all it can."""
    return start_server(log_format=request.param, log_level="debug", secret=f"{SECRET}-signs-cookies", hold_s=0.1)


def test_no_line_holds_a_query_a_cookie_or_a_key(logged, channel):
    visitor = Visitor(logged)
    cookie = visitor.headers["Cookie"].partition("=")[2].strip('"')
    position = visitor.publish(channel, 1)["position"]
    for wire in ("long-poll", "short-poll", "sse", "websocket", "history", "nothing"):
        link = connect(logged)
        link.send(request("GET", f"/v1/{wire}?sub={channel}@{position}&channel={channel}&token={SECRET}", visitor.headers))
        link.fill()
        link.close()
    for target in (f"/static/js?{SECRET}", f"/static/../{SECRET}?{SECRET}", f"/chat/lobby?q={SECRET}&%ff", f"/v1/jobs/x?key={SECRET}"):
        ask(logged, "GET", target)
    for headers in (BACKEND, {"Authorization": f"Bearer {SECRET}"}, {"Cookie": f'anywire_id="{SECRET}|{cookie}"'}, {"Cookie": cookie[:-3]}):
        ask(logged, "GET", f"/metrics?{SECRET}", headers)
        ask(logged, "POST", f"/v1/publish?{SECRET}", {**headers, "Content-Type": "application/json"}, body=b"{" + SECRET.encode())
    for head in (f"GET /?{SECRET} HTTP/9.9\r\n\r\n", f"GET /v1/me?{SECRET} HTTP/1.1\r\nCookie: {SECRET}\x01\r\n\r\n", f"{SECRET}\r\n\r\n"):
        link = connect(logged)
        link.send(head.encode())
        with contextlib.suppress(Closed):
            read_answer(link)
        link.close()
    os.kill(logged.mongod_pid, signal.SIGSTOP)  # what fails is told of, too
    try:
        assert visitor.ask("GET", f"/v1/history?channel={channel}&token={SECRET}").status == 503
    finally:
        os.kill(logged.mongod_pid, signal.SIGCONT)
    eventually(lambda: ask(logged, "GET", "/readyz").status == 200)
    logged.stop()
    told = "\n".join(logged.output)
    assert "left after" in told  # the streams: so it was the whole log
    assert all(secret not in told for secret in (SECRET, API_KEY, cookie, cookie[-20:]))


def test_json_is_json_from_the_first_line_to_the_last(start_server, channel):
    server = start_server(log_format="json")
    Visitor(server).publish(channel, 1)
    server.stop()
    lines = [json.loads(line) for line in server.output]
    assert all({"time", "level", "logger", "pid", "message"} <= set(line) for line in lines)
    assert [line["url"] for line in lines if "url" in line] == [f"http://127.0.0.1:{server.port}/"]


def test_a_quiet_server_says_little(start_server, channel):
    server = start_server(log_format="json")
    begun = len(server.output)
    visitor = Visitor(server)
    for number in range(20):
        visitor.publish(channel, number)
        visitor.ask("GET", f"/v1/short-poll?sub={channel}@-5")
        ask(server, "GET", "/v1/nothing")
        ask(server, "GET", "/", {"Cookie": 'anywire_id="2|1:0|10:1|10:anywire_id|4:abcd|ff"'})
    assert server.output[begun:] == []


def test_a_start_that_fails_is_said_in_the_same_form():
    taken = socket.create_server(("127.0.0.1", 0))
    with pytest.raises(RuntimeError) as failed:
        Server(log_format="json", port=taken.getsockname()[1]).start()
    taken.close()
    said = json.loads(str(failed.value).splitlines()[-1])
    assert said["level"] == "critical" and said["case"] == "address"
