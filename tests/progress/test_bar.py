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


@pytest.fixture(params=[False, True], ids=["seen", "disabled"])
def options(request):
    """A bar shows the page the same whether it is seen itself."""
    return {"disable": request.param}


def stands(server, rows):
    """`done`, `total` and `percent`, as soon as they are those of the script."""
    id = eventually(lambda: rows.progress.id)
    state = eventually(lambda: (state := shown(server.url, id))["done"] == rows.progress.done and state)
    return state["done"], state["total"], state["percent"]


def test_one_that_goes_on_where_another_ended(server, options):
    with bar(server.url, total=100, initial=80, **options) as rows:
        assert stands(server, rows) == (80, 100, 80)
        rows.update(5)
        assert stands(server, rows) == (85, 100, 85)
    loop = bar(server.url, iter(range(80, 100)), total=100, initial=80, **options)
    at_ninety = [stands(server, loop) for number in loop if number == 90]
    assert at_ninety == [(90, 100, 90)]
    assert ended(server.url, loop.progress)["done"] == 100


def test_one_that_has_gone_past_its_total_has_none(server, options):
    loop = bar(server.url, range(80, 100), initial=80, **options)  # tqdm takes the length for the total
    assert [stands(server, loop) for number in loop if number == 90] == [(90, None, None)]
    state = ended(server.url, loop.progress)
    assert (state["done"], state["state"], state["percent"]) == (100, "done", 100)


def test_one_whose_n_is_set(server, options):
    with bar(server.url, total=100, **options) as rows:
        rows.n = 80
        rows.refresh()
        assert stands(server, rows) == (80, 100, 80)
        rows.n = 85
        rows.update()
        assert stands(server, rows) == (86, 100, 86)
        rows.n = 90
    assert ended(server.url, rows.progress)["done"] == 90
    assert rows.n == 90


def test_one_that_begins_again(server, options):
    with bar(server.url, total=100, **options) as rows:
        rows.update(60)
        assert stands(server, rows) == (60, 100, 60)
        rows.reset(total=50)
        assert stands(server, rows) == (0, 50, 0)
        rows.update(10)
        assert stands(server, rows) == (10, 50, 20)


def test_one_of_an_iterable_that_is_updated_by_hand(server, options):
    rows = bar(server.url, range(10), **options)
    rows.update(4)
    assert stands(server, rows) == (4, 10, 40)
    rows.close()
    assert ended(server.url, rows.progress)["done"] == 4


def test_what_is_done_with_a_closed_one_changes_nothing(server, options):
    rows = bar(server.url, range(10), **options)
    with pytest.raises(ValueError, match="boom"):
        for _ in rows:
            raise ValueError("boom")
    rows.set_description("later")
    rows.update(5)
    rows.close()
    state = ended(server.url, rows.progress)
    assert (state["state"], state["done"], state["note"]) == ("failed", 0, "ValueError: boom")


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
