"""The pages in PhantomJS 2.1.1, an engine without ES6, fetch, Promise, grid or custom properties."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.browsers.engines import phantomjs
from tests.pages.asking import ask
from tests.pages.browser import publish
from tests.required import missing

SCRIPT = Path(__file__).with_name("phantom_chat.js")
STRIP = Path(__file__).with_name("strip.js")
PAGES = Path(__file__).with_name("phantom_pages.js")


CLICK = "document.querySelector('%s').click()"


@pytest.fixture(scope="module")
def phantom() -> Path:
    path = phantomjs()
    if path is None:
        missing("phantomjs", "PhantomJS")
    return path


def run(phantom: Path, script: Path, *arguments: str) -> dict:
    """What the script prints."""
    environment = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"} | {"OPENSSL_CONF": "/dev/null"}
    done = subprocess.run([str(phantom), str(script), *arguments], env=environment, capture_output=True, text=True, timeout=40)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("stripped", [(), (str(STRIP),)], ids=["as-it-is", "stripped"])
@pytest.mark.parametrize("query", ["", "?transport=sse", "?transport=long-poll", "?transport=short-poll"])
def test_shows_and_sends(server, phantom, query, stripped):
    room = f"phantom{query.partition('=')[2]}{len(stripped)}"
    publish(server.url, room, "before", "<b>as text</b>")
    seen = run(phantom, SCRIPT, f"{server.url}/chat/{room}{query}", "from an old engine", *stripped)
    assert seen["errors"] == []
    assert seen["isStripped"] == bool(stripped)
    assert seen["texts"] == ["before", "<b>as text</b>", "from an old engine"]
    assert seen["unsent"] == []
    assert seen["transport"] == (query.partition("=")[2] or "websocket")
    assert seen["width"] <= 320
    assert seen["logHeight"] > 150
    assert seen["panel"]


def test_votes(server, phantom):
    vote = ask(server.url, "POST", "/v1/votes", {"question": "Where to?", "choices": ["Here", "There"]})["id"]
    seen = run(phantom, PAGES, f"{server.url}/vote/{vote}", CLICK % "#choices input", "/is counted/.test(document.body.innerText)")
    assert seen["errors"] == []
    assert "Your vote for Here is counted." in seen["text"] and "One person has voted." in seen["text"]
    assert seen["width"] <= 320


def test_asks_a_question(server, phantom):
    fill = """
    var inputs = document.querySelectorAll('#choices input');
    document.getElementById('question').value = 'Where to?';
    inputs[0].value = 'Here';
    inputs[1].value = 'There';
    """
    seen = run(phantom, PAGES, f"{server.url}/vote", fill + CLICK % "#make", "/Nobody has voted yet/.test(document.body.innerText)")
    assert seen["errors"] == []
    assert "Where to?" in seen["text"] and "There" in seen["text"]


def test_shows_a_job_to_its_end(server, phantom):
    made = ask(server.url, "POST", "/v1/jobs", {"title": "A long script", "total": 8})
    ask(server.url, "PATCH", f"/v1/jobs/{made['id']}", {"done": 2, "note": "half of the half"}, key=made["key"])
    address = f"{server.url}/progress?job={made['id']}"
    seen = run(
        phantom, PAGES, address, "1", "/25%/.test(document.title) && document.documentElement.getAttribute('data-anywire-state') === 'open'"
    )
    assert seen["errors"] == []
    assert "2 of 8" in seen["text"] and "half of the half" in seen["text"]
    assert seen["width"] <= 320


def test_imports_the_sample(server, phantom):
    done = "/396 rows imported/.test(document.body.innerText) && document.querySelectorAll('#refused li').length === 4"
    start = "if (document.getElementById('chosen').offsetWidth) { clearInterval(timer); document.getElementById('start').click(); }"
    script = CLICK % "#sample" + f"; var timer = setInterval(function () {{ {start} }}, 50);"
    seen = run(phantom, PAGES, f"{server.url}/progress", script, done)
    assert seen["errors"] == []
    assert "396 rows imported and 4 refused" in seen["text"]


def test_tells_why_in_words_and_in_a_text_that_can_be_copied(server, phantom):
    answered = "/has answered|works/.test(document.getElementById('live-attempts').textContent)"
    clicks = "; ".join(CLICK % where for where in ("#transport", "#transport-panel summary", "#transport-copy"))
    script = f"var timer = setInterval(function () {{ if ({answered}) {{ clearInterval(timer); {clicks}; }} }}, 50);"
    said = "/Copied|Selected/.test(document.getElementById('transport-copied').textContent)"
    seen = run(phantom, PAGES, f"{server.url}/?transport=long-poll&lang=en", script, said)
    assert seen["errors"] == []
    assert re.search(r"long polling (has answered|works) \d+\sms\s+started at \d+\sms · answered after \d+\sms", seen["text"])
    assert re.search(r"long-poll\s+(ok|usable)\s+started \d+ ms, hello \d+ ms", seen["text"])
