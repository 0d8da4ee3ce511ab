"""`some-command | anywire-progress --lines`."""

import contextlib
import os
import re
import select
import shlex
import signal
import subprocess
import sys

import pytest

from tests.handlers.talking import PATIENCE_S, eventually
from tests.progress.scripts import FOLDER, cancel, shown

CODE = "import logging, sys; logging.basicConfig(level=20); from anywire_progress.__main__ import main; sys.exit(main())"
COMMAND = f"{shlex.quote(sys.executable)} -c {shlex.quote(CODE)}"
"""As it is installed, but that the link of its job shows."""


def shell(server, line: str, **options) -> "subprocess.Popen[bytes]":
    """*line* in bash, with what it exits with being that of the first that fails."""
    line = f"set -o pipefail; {line.replace('anywire-progress', COMMAND)}"
    environment = {**os.environ, "PYTHONPATH": str(FOLDER), "ANYWIRE_URL": server.url if server else ""}
    return subprocess.Popen(["bash", "-c", line], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def run(server, line: str) -> tuple[int, bytes, dict]:
    process = shell(server, line)
    output, errors = process.communicate(timeout=3 * PATIENCE_S)
    found = re.search(rb"job=(\S+)", errors)
    assert found, errors
    return process.returncode, output, shown(server.url, found[1].decode())


def test_lines_pass_through_and_are_counted(server):
    exit_code, output, state = run(server, "seq 5 | anywire-progress --lines --title Count --total 5")
    assert (exit_code, output) == (0, b"1\n2\n3\n4\n5\n")
    assert (state["title"], state["state"], state["done"], state["total"], state["unit"]) == ("Count", "done", 5, 5, "lines")


def test_a_last_line_without_an_end_counts(server):
    _, output, state = run(server, "printf 'a\\nb' | anywire-progress --lines")
    assert (output, state["done"]) == (b"a\nb", 2)


def test_any_bytes_pass_through_and_are_counted(server):
    line = "head -c 3000000 /dev/urandom | tee >(md5sum >&2) | anywire-progress --bytes | md5sum"
    process = shell(server, line)
    output, errors = process.communicate(timeout=3 * PATIENCE_S)
    assert output.split()[0] in errors
    state = shown(server.url, re.search(rb"job=(\S+)", errors)[1].decode())
    assert (state["done"], state["unit"]) == (3_000_000, "B")


def test_each_line_passes_at_once(server):
    process = shell(server, "(echo first; sleep 60) | anywire-progress", start_new_session=True)
    try:
        assert select.select([process.stdout], [], [], PATIENCE_S)[0]
        assert os.read(process.stdout.fileno(), 100) == b"first\n"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize(
    ("command", "exit_code", "state", "note"),
    [
        ("sh -c 'seq 3; exit 7'", 7, "failed", "Exit code 7"),
        ("sh -c 'seq 3; kill -9 $$'", 128 + 9, "failed", "Exit code 137"),
        ("seq 3", 0, "done", None),
    ],
)
def test_a_command_that_it_runs_itself(server, command, exit_code, state, note):
    ended, output, found = run(server, f"anywire-progress --lines -- {command}")
    assert (ended, output) == (exit_code, b"1\n2\n3\n")
    assert (found["state"], found["note"], found["done"]) == (state, note, 3)


def test_a_command_that_does_not_exist(server):
    process = shell(server, "anywire-progress -- no-such-command")
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 127 and b"Traceback" not in errors


def test_the_exit_code_of_a_pipe_is_that_of_the_command(server):
    assert run(server, "(echo; exit 7) | anywire-progress --lines")[0] == 7


def test_who_reads_it_may_have_enough(server):
    exit_code, output, state = run(server, "yes | anywire-progress --lines | head -2")
    assert (exit_code, output) == (141, b"y\ny\n")
    assert state["state"] == "done"


@pytest.mark.parametrize("line", ["(echo go; sleep 60) | anywire-progress", "anywire-progress -- sh -c 'echo go; exec sleep 60'"])
def test_a_cancel_from_the_page_ends_it(server, line):
    process = shell(server, f"exec {line}" if line.startswith("anywire") else line, start_new_session=True)
    try:
        said = b""
        while not (found := re.search(rb"job=(\S+)\n", said)):
            said += os.read(process.stderr.fileno(), 1000)
        id = found[1].decode()
        cancel(server.url, id)
        if line.startswith("anywire"):
            assert process.wait(PATIENCE_S) == 130
        assert eventually(lambda: shown(server.url, id)["state"] == "cancelled")
    finally:
        with contextlib.suppress(ProcessLookupError):  # all of them have ended
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_ctrl_c(server):
    process = shell(server, "(echo go; sleep 60) | anywire-progress", start_new_session=True)
    said = b""
    while not (found := re.search(rb"job=(\S+)\n", said)):
        said += os.read(process.stderr.fileno(), 1000)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert b"Traceback" not in errors and process.returncode in (130, -signal.SIGINT)
    assert shown(server.url, found[1].decode())["state"] == "cancelled"


def test_without_a_server_it_passes_on():
    process = shell(None, "seq 3 | anywire-progress --lines")
    assert process.communicate(timeout=PATIENCE_S) == (b"1\n2\n3\n", b"")
