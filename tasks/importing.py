"""The task `import`: the records of a CSV or JSON file, each checked, into the collection `records`.

A row's id is made of job and index, so that a row that was stored before an interruption is not stored again.
"""

import itertools
import tempfile
from collections.abc import AsyncIterator
from typing import Any, BinaryIO

from tasks.registry import Item, Run, TaskError, task
from tasks.rows import RowError, rows

MAX_ROWS = 100_000
ROWS_AT_ONCE = 250


@task("import", title="Import", unit="rows", takes_files=True)
async def import_records(run: Run) -> AsyncIterator[Item]:
    assert run.upload is not None
    with tempfile.TemporaryFile() as file:
        await run.uploads.read(run.upload["id"], file)
        run.total = await run.in_thread(_count, file, run.upload["format"])
        found = rows(file, run.upload["format"])
        await run.in_thread(_skip, found, run.skip)
        index = run.skip
        while some := await run.in_thread(_take, found, ROWS_AT_ONCE):
            numbered = list(enumerate(some, index))
            index += len(some)
            good = [(number, row) for number, row in numbered if isinstance(row, dict)]
            ids = iter(await run.records.insert(run.job, run.user, good))
            for _, row in numbered:
                yield _refused(row) if isinstance(row, RowError) else {"ok": True, "id": next(ids)}
    run.result = {"imported": index - run.failed, "refused": run.failed}


def _refused(error: RowError) -> Item:
    return {"ok": False, "error": {"code": error.code, "message": error.message}}


def _count(file: BinaryIO, format: str) -> int:
    """How many rows there are; a file that can't be read to its end is refused before anything of it is stored."""
    count = 0
    for count, _ in enumerate(rows(file, format), 1):
        if count > MAX_ROWS:
            raise TaskError("too-many-rows", f"The file has more than {MAX_ROWS} rows.")
    return count


def _skip(found: Any, count: int) -> None:
    next(itertools.islice(found, count, count), None)


def _take(found: Any, count: int) -> list[Any]:
    return list(itertools.islice(found, count))
