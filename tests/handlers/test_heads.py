"""Whatever a head looks like, it is read in a time that grows with its length alone: one client must not stop the server."""

import time

import pytest

from handlers.http1 import MAX_HEAD_BYTES, parse_head

BEGIN = b"GET /v1/sse HTTP/1.1\r\nHost: x\r\n"
WITHIN_S = 0.5
"""Some thousand times what the longest takes."""


@pytest.mark.parametrize(
    "head",
    [
        BEGIN + (b"A: " + b" " * 60 + b"\r\n") * 400 + b"B: \x01\r\n\r\n",
        BEGIN + b"A:" + b" \t" * 15_000 + b"\x01\r\n\r\n",
        BEGIN + b"A:" + b" a" * 15_000 + b"\x01\r\n\r\n",
        BEGIN + b"a" * 30_000 + b"\r\n\r\n",
        BEGIN + b"a:\r\n" * 8_000 + b" \r\n\r\n",
        b"GET /v1/sse?" + b"?&=" * 10_000 + b" \r\n\r\n",
    ],
    ids=["lines of blanks", "one line of blanks", "words", "a long name", "many lines", "a long query"],
)
def test_a_head_that_is_nearly_plain_costs_no_more(head):
    assert len(head) < MAX_HEAD_BYTES
    began_s = time.process_time()
    assert parse_head(head, "192.0.2.1") is None
    assert time.process_time() - began_s < WITHIN_S
