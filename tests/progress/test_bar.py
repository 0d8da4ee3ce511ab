"""A tqdm that reports besides."""

import io
import subprocess
import sys

import pytest
import tqdm as plain
from anywire_progress import Cancelled, tqdm, track

from tests.handlers.talking import eventually
from tests.progress.scripts import FOLDER, cancel, ended, shown


def bar(url, *arguments, **options):
    return tqdm(*arguments, url=url, file=io.StringIO(), **options)


def test_it_is_a_tqdm(server):
    rows = bar(server.url, range(10), desc="Import", unit="rows")
    assert isinstance(rows, plain.tqdm)
    assert list(rows) == list(range(10)) and rows.n == 10
    assert "100%" in rows.fp.getvalue()
    state = ended(server.url, rows.progress)
    assert (state["title"], state["unit"], state["total"], state["done"], state["state"]) == ("Import", "rows", 10, 10, "done")


def test_it_may_be_updated_by_hand_and_say_more(server):
    with bar(server.url, total=10, desc="Import", title="Import of today") as rows:
        rows.update(4)
        rows.set_description("the first part")
        rows.set_postfix(errors=0)
        id = eventually(lambda: rows.progress.id)
        state = eventually(lambda: (state := shown(server.url, id))["done"] == 4 and state)
        assert (state["title"], state["note"], state["state"]) == ("Import of today", "the first part, errors=0", "running")
        rows.total = 20
        rows.refresh()
    state = ended(server.url, rows.progress)
    assert (state["total"], state["state"]) == (20, "done")


def test_one_that_shows_nothing_itself_reports_all_the_same(server):
    rows = bar(server.url, range(10), disable=True)
    assert sum(rows) == 45
    assert ended(server.url, rows.progress)["done"] == 10


def test_an_exception_in_its_loop_fails_the_job(server):
    rows = bar(server.url, range(10))
    with pytest.raises(ValueError, match="boom"):
        for _ in rows:
            raise ValueError("boom")
    assert ended(server.url, rows.progress)["note"] == "ValueError: boom"


def test_an_exception_in_its_context_fails_the_job(server):
    with pytest.raises(ValueError, match="boom"), bar(server.url, total=10) as rows:
        raise ValueError("boom")
    assert ended(server.url, rows.progress)["note"] == "ValueError: boom"


def test_a_cancel_from_the_page(server):
    rows = bar(server.url, iter(int, 1))
    with pytest.raises(Cancelled):
        for _ in rows:
            if rows.progress.id and not rows.progress.cancelled:
                cancel(server.url, rows.progress.id)
                eventually(lambda: rows.progress.cancelled)
    assert ended(server.url, rows.progress)["state"] == "cancelled"


def test_a_plain_tqdm_may_be_tracked(server):
    rows = track(plain.tqdm(range(10), file=io.StringIO()), url=server.url)
    assert sum(rows) == 45
    assert ended(server.url, rows)["total"] == 10


def test_without_tqdm_there_is_none():
    """-S leaves out what is installed."""
    code = f"import sys; sys.path.insert(0, {str(FOLDER)!r}); import anywire_progress; assert not hasattr(anywire_progress, 'tqdm')"
    code += "\ntry: from anywire_progress import tqdm\nexcept ImportError: print('none')"
    assert subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=True).stdout == b"none\n"
