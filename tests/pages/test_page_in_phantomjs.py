"""The chat page in PhantomJS 2.1.1, an engine without ES6, fetch, Promise, grid or custom properties."""

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.pages.browser import publish
from tests.required import missing

SCRIPT = Path(__file__).with_name("phantom_chat.js")


def phantomjs() -> Path | None:
    """The binary that the package phasma brings along."""
    found = importlib.util.find_spec("phasma")
    folders = found.submodule_search_locations if found else None
    return next((path for folder in folders or [] for path in Path(folder).rglob("phantomjs") if path.is_file()), None)


@pytest.fixture(scope="module")
def phantom() -> Path:
    path = phantomjs()
    if path is None:
        missing("phantomjs", "PhantomJS")
    return path


@pytest.mark.parametrize("query", ["", "?transport=sse", "?transport=long-poll", "?transport=short-poll"])
def test_shows_and_sends(server, phantom, query):
    room = f"phantom{query.partition('=')[2]}"
    publish(server.url, room, "before", "<b>as text</b>")
    environment = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"} | {"OPENSSL_CONF": "/dev/null"}
    done = subprocess.run(
        [str(phantom), str(SCRIPT), f"{server.url}/chat/{room}{query}", "from an old engine"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=40,
    )
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["errors"] == []
    assert seen["texts"] == ["before", "<b>as text</b>", "from an old engine"]
    assert seen["unsent"] == []
    assert seen["transport"] == (query.partition("=")[2] or "websocket")
    assert seen["width"] <= 320
    assert seen["logHeight"] > 150
    assert seen["panel"]
