"""A server that is away: the script doesn't notice, and the last state is there when the server is back."""

import json
import socket
import threading
import time

from tests.handlers.talking import eventually
from tests.progress.scripts import Script, run, shown
from tests.running import Server

COUNT = """
job = Progress(title="through it all", total=300)
started_s = time.monotonic()
for number in range(300):
    job.update()
    if number % 30 == 0:
        print(number)
    time.sleep(0.001)
print("took", time.monotonic() - started_s)
"""
CHANGING = "job = Progress(title='changing')\nfor number in range(100): job.set(total=number); time.sleep(0.01)"
STAY = "while not job.id: time.sleep(0.01)\nprint(job.id)\ntime.sleep(60)"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def took_s(script: Script) -> float:
    while not (line := script.line()).startswith("took"):
        assert line
    return float(line.split()[1])


def test_away_at_the_start_and_there_later():
    server = Server(port=free_port())
    server.port = server.settings["port"]
    with Script(server.url, COUNT + STAY) as script:
        assert took_s(script) < 2
        try:
            server.start()
            id = script.line()
            assert eventually(lambda: shown(server.url, id)["done"] == 300)
        finally:
            server.close()


def test_killed_in_the_middle_and_there_later(start_server):
    server = start_server()
    code = "job = Progress(title='x')\nwhile not job.id: time.sleep(0.01)\nprint(job.id)\n"
    code += "while job.done < 2000: job.update(); time.sleep(0.001)\nprint('counted')\njob.close('the disk is full')\ntime.sleep(60)"
    with Script(server.url, code) as script:
        id = script.line()
        eventually(lambda: shown(server.url, id)["done"])
        server.kill()
        assert script.line() == "counted"
        server.start()
        state = eventually(lambda: (state := shown(server.url, id))["state"] == "failed" and state)
        assert (state["done"], state["note"]) == (2000, "the disk is full")


def test_an_answer_that_is_lost_makes_no_second_job(server):
    """Each connection but the last is cut after its first request, instead of the answer."""
    answers = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def relay():
            while len(answers) < 3:
                with listening.accept()[0] as script, socket.create_connection(("127.0.0.1", server.port)) as real:
                    request = script.recv(65536)
                    while not request.endswith(b"}"):
                        request += script.recv(65536)
                    real.sendall(request)
                    answers.append(real.recv(65536))
            listening.close()

        thread = threading.Thread(target=relay)
        thread.start()
        exit_code, _, errors = run(f"http://127.0.0.1:{listening.getsockname()[1]}", CHANGING)
        thread.join()
    assert exit_code == 0, errors
    assert len({json.loads(answer.partition(b"\r\n\r\n")[2])["id"] for answer in answers}) == 1


def test_a_script_that_ends_meanwhile_waits_a_little_and_says_so():
    url = f"http://127.0.0.1:{free_port()}"
    started_s = time.monotonic()
    exit_code, _, errors = run(url, "for x in track(range(3), title='lost', exit_s=0.5): pass")
    assert exit_code == 0 and 0.5 < time.monotonic() - started_s < 2
    assert f"{url} doesn't know the last state of lost" in errors


OVER = "import atexit\natexit.register(lambda: print('over'))"
"""Says when the script has ended: what is registered later is called earlier."""


def lasted_s(script: Script) -> tuple[float, str]:
    """How long the script stayed after its end, and its errors."""
    while (line := script.line()) != "over":
        assert line
    over_s = time.monotonic()
    exit_code, errors = script.end()
    assert exit_code == 0, errors
    return time.monotonic() - over_s, errors


def test_a_script_whose_server_was_never_there_does_not_wait_for_it():
    code = "for x in track(range(120), title='lost'): time.sleep(0.01)\n" + OVER
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        for port in (free_port(), deaf.getsockname()[1]):
            with Script(f"http://127.0.0.1:{port}", code) as script:
                took_s, errors = lasted_s(script)
            assert "doesn't know the last state of lost" in errors
            assert took_s < 1.5


def test_a_script_whose_server_was_there_waits_for_it(start_server):
    server = start_server()
    code = "job = Progress(title='lost')\nwhile not job.id: time.sleep(0.01)\nprint(job.id)\ninput()\n" + OVER
    with Script(server.url, code) as script:
        assert script.line()
        server.kill()
        script.say()
        took_s, errors = lasted_s(script)
    assert "doesn't know the last state of lost" in errors
    assert 2 < took_s < 5


def test_a_server_that_swallows_everything_holds_nobody_up():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        started_s = time.monotonic()
        exit_code, _, errors = run(f"http://127.0.0.1:{deaf.getsockname()[1]}", COUNT + "job.close()")
    assert exit_code == 0, errors
    assert time.monotonic() - started_s < 6


def test_too_many_jobs_at_once_come_when_the_server_takes_them(start_server):
    """Four jobs, and then one every two seconds: the fifth is answered 429 with Retry-After."""
    server = start_server(publish_per_s=2)
    exit_code, ids, errors = run(server.url, "for number in range(6):\n    for x in track('abc', exit_s=20): pass")
    assert exit_code == 0, errors
    assert [shown(server.url, id)["state"] for id in ids] == ["done"] * 6


def test_jobs_without_end_do_not_fill_the_memory():
    code = "for number in range(1100): Progress(exit_s=0).close()\nfrom anywire_progress import sender\n"
    code += "print(*(len(one.reports) for one in sender._senders.values()))"
    with Script(f"http://127.0.0.1:{free_port()}", code) as script:
        assert script.line() == "1000"
        exit_code, errors = script.end()
    assert exit_code == 0 and "Not all progress is shown" in errors
