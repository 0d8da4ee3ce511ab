"""How an event looks on each wire."""

import msgspec

from protocol.message import Message, encode_message, sse_block
from protocol.positions import Position
from protocol.websocket_frames import text_frame


def test_blocks_of_an_event_stream():
    assert sse_block(b"{}") == b"data: {}\n\n"
    assert sse_block(b"{}", "chat:a@abcd-1") == b"id: chat:a@abcd-1\ndata: {}\n\n"


def test_an_event_is_the_object_of_the_contract():
    user = {"id": "u_1", "name": 'Ann "\n\u2028'}
    message = encode_message("message", "chat:lobby", Position("8f3ak2", 42), id='i"\\', time=1795000000123, user=user, data=b'{"a":[1]}')
    assert message.offset == 42
    assert list(msgspec.json.decode(message.payload).items()) == [
        ("type", "message"),
        ("channel", "chat:lobby"),
        ("offset", 42),
        ("position", "8f3ak2-42"),
        ("id", 'i"\\'),
        ("time", 1795000000123),
        ("user", user),
        ("data", {"a": [1]}),
    ]
    assert b"\n" not in message.payload
    assert message.payload.endswith(b',"data":{"a":[1]}}')


def test_percent_signs_are_data_like_any_other():
    message = encode_message("state", "job:50%"[:6] + "1", Position("abcd", 1), id="%s%d%%", time=0, user=None, data=b'"%s"')
    event = msgspec.json.decode(message.payload)
    assert (event["type"], event["id"], event["data"], event["user"]) == ("state", "%s%d%%", "%s", None)


def test_the_forms_for_the_wires_are_made_once():
    message = Message(7, b"{}")
    assert message.websocket is message.websocket
    assert message.sse is message.sse
    assert message.websocket == text_frame(b"{}")
    assert message.sse == sse_block(b"{}")
    assert repr(message) == "Message(7)"
