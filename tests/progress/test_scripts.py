"""Whole scripts: their ends, of every kind, and what they may not notice."""

import os
import signal

import pytest

from tests.handlers.talking import eventually
from tests.progress.scripts import Script, run, shown

IN_A_FUNCTION = "def main():\n    {}\nmain()"


@pytest.mark.parametrize("form", ["{}", IN_A_FUNCTION], ids=["module", "function"])
@pytest.mark.parametrize(
    ("code", "exit_code", "state", "note"),
    [
        ("for x in track(range(3)): pass", 0, "done", None),
        ("for x in track(range(3)): break", 0, "done", None),
        ("for x in track(range(3)): raise ValueError('boom')", 1, "failed", "ValueError: boom"),
        ("[x / 0 for x in track(range(3))]", 1, "failed", "ZeroDivisionError: division by zero"),
        ("sum(x / 0 for x in track(range(3)))", 1, "failed", "ZeroDivisionError: division by zero"),
        ("for x in track(range(3)): raise KeyboardInterrupt", -signal.SIGINT, "cancelled", None),
        ("for x in track(range(3)): raise SystemExit(3)", 3, "failed", None),
        ("p = Progress(total=3); p.update(3)", 0, "done", None),
        ("p = Progress(total=3); p.update(1)", 0, "failed", "The script ended at 1 of 3."),
        ("p = Progress(total=3); p.update(1); 1 / 0", 1, "failed", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_script_ends(server, form, code, exit_code, state, note):
    ended, (id,), errors = run(server.url, form.format(code))
    assert ended == exit_code, errors
    found = shown(server.url, id)
    assert found["state"] == state
    assert note is None or found["note"] == note


def test_ctrl_c_cancels(server):
    with Script(server.url, "for x in track(range(1000)):\n    print(x)\n    time.sleep(0.02)") as script:
        script.line()
        script.process.send_signal(signal.SIGINT)
        exit_code, errors = script.end()
    assert exit_code == -signal.SIGINT and "KeyboardInterrupt" in errors
    id = errors.split("job=")[1].split()[0]
    assert shown(server.url, id)["state"] == "cancelled"


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
def test_a_script_that_is_silent_is_stalled(start_server, sign):
    server = start_server(job_stalled_s=1)
    code = "job = Progress(title='silent')\nwhile not job.id: time.sleep(0.01)\nprint(job.id)\nwhile True: job.update(); time.sleep(0.01)"
    with Script(server.url, code) as script:
        id = script.line()
        eventually(lambda: shown(server.url, id)["done"])
        os.kill(script.process.pid, sign)
        eventually(lambda: shown(server.url, id)["state"] == "stalled")
        if sign == signal.SIGSTOP:
            os.kill(script.process.pid, signal.SIGCONT)
            eventually(lambda: shown(server.url, id)["state"] == "running")


def test_a_fork_reports_what_it_begins_itself_and_nothing_else(server):
    code = """
import os, sys
with Progress(title="parent", total=10) as parent:
    parent.update(3)
    if os.fork() == 0:
        for _ in range(5):
            parent.update()
        parent.close("the child failed")
        with Progress(title="child", total=1) as child:
            child.update()
        sys.exit()
    assert os.wait()[1] == 0
    parent.update()
"""
    exit_code, ids, errors = run(server.url, code)
    assert exit_code == 0, errors
    found = {state["title"]: state for state in (shown(server.url, id) for id in ids)}
    assert (found["parent"]["state"], found["parent"]["done"]) == ("done", 4)
    assert (found["child"]["state"], found["child"]["done"]) == ("done", 1)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_of_multiprocessing_reports_what_it_begins(server, tmp_path, method):
    """Such a process ends without atexit."""
    (tmp_path / "work.py").write_text("""
import logging
from anywire_progress import track
logging.basicConfig(level=logging.INFO)

def work(title):
    for number in track(range(3), title=title):
        if title == "fails":
            raise ValueError("boom")
""")
    code = f"""
import multiprocessing, sys
sys.path.insert(0, {str(tmp_path)!r})
import work
processes = [multiprocessing.get_context({method!r}).Process(target=work.work, args=(title,)) for title in ("works", "fails")]
for process in processes: process.start()
for process in processes: process.join()
"""
    exit_code, ids, errors = run(server.url, code)
    assert exit_code == 0, errors
    found = {state["title"]: (state["state"], state["note"]) for state in (shown(server.url, id) for id in ids)}
    assert found == {"works": ("done", None), "fails": ("failed", "ValueError: boom")}


@pytest.mark.parametrize(("url", "said"), [(None, "neither url nor ANYWIRE_URL"), ("", None)])
def test_without_a_server_nothing_is_done(url, said):
    code = "import threading\nassert type(iter(track([1]))) is type(iter([1]))\nwith Progress() as p: p.update()\n"
    code += "assert threading.active_count() == 1"
    exit_code, _, errors = run(url, code)
    assert exit_code == 0, errors
    assert said in errors if said else not errors


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://127.0.0.1:port", "http://[", "http://"])
def test_what_is_no_address_of_a_server_does_not_stop_the_script(url):
    exit_code, _, errors = run(url, "for x in track(range(3)): print(x)")
    assert exit_code == 0 and f"isn't shown at {url!r}" in errors


def test_a_server_that_refuses_does_not_stop_the_script(server):
    exit_code, ids, errors = run(server.url, "for x in track(range(3), title='mine', api_key='wrong'): pass")
    assert (exit_code, ids) == (0, []) and "doesn't show mine: 401" in errors
    exit_code, ids, errors = run(f"{server.url}/nowhere", "for x in track(range(3), exit_s=0.1): pass")
    assert (exit_code, ids) == (0, [])
