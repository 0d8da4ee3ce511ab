"""The task `import`: the records of a CSV or JSON file, each checked, into the collection `records`.

A row's id is made of job and index, so that a row that was stored before an interruption is not stored again.
"""

import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, BinaryIO

from tasks.csv_rows import csv_rows
from tasks.json_rows import json_rows
from tasks.records import RowError
from tasks.registry import Item, Run, TaskError, task

MAX_ROWS = 100_000
ROWS_AT_ONCE = 250
ROWS_A_BREATH = 50
"""Between two moments at which a thread that reads rows lets the event loop in. If it doesn't, every wait of the loop takes
the interpreter's switch interval of 5 ms longer, and four such threads hold it up for 100 ms: measured."""
READERS: dict[str, Callable[[BinaryIO], Iterator[dict[str, Any] | RowError]]] = {"csv": csv_rows, "json": json_rows}


@task("import", title="Import", unit="rows", takes_files=True)
async def import_records(run: Run) -> AsyncIterator[list[Item]]:
    assert run.upload is not None
    with tempfile.TemporaryFile() as file:
        try:
            await run.uploads.read(run.upload["id"], file)
        except FileNotFoundError as error:
            raise TaskError("upload-lost", "The file that was sent is no longer there: send it again.") from error
        run.total = await run.in_thread(_count, _rows(file, run.upload["format"]))
        rows = _rows(file, run.upload["format"])
        await run.in_thread(_take, rows, run.skip)
        index = run.skip
        while some := await run.in_thread(_take, rows, ROWS_AT_ONCE):
            numbered = list(enumerate(some, index))
            index += len(some)
            good = [(number, row) for number, row in numbered if isinstance(row, dict)]
            ids = iter(await run.records.insert(run.job, run.user, good))
            yield [_refused(row) if isinstance(row, RowError) else {"ok": True, "id": next(ids)} for row in some]
    run.result = {"imported": index - run.failed, "refused": run.failed}


def _refused(error: RowError) -> Item:
    return {"ok": False, "error": {"code": error.code, "message": error.message}}


def _rows(file: BinaryIO, format: str) -> Iterator[dict[str, Any] | RowError]:
    rows = READERS[format](file)
    while some := _take(rows, ROWS_A_BREATH):
        yield from some
        time.sleep(0)


def _count(rows: Iterator[Any]) -> int:
    """How many rows there are; a file that can't be read to its end is refused before anything of it is stored."""
    count = sum(1 for _ in itertools.islice(rows, MAX_ROWS + 1))
    if count > MAX_ROWS:
        raise TaskError("too-many-rows", f"The file has more than {MAX_ROWS} rows.")
    return count


def _take(rows: Iterator[Any], count: int) -> list[Any]:
    return list(itertools.islice(rows, count))
