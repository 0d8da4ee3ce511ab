"""The task `report`: what was imported, counted by one field, and another one summed up. It changes nothing."""

from collections.abc import AsyncIterator
from typing import Any

from protocol.codes import ProtocolError
from store.records import MAX_GROUPS
from tasks.registry import Item, Run, task

DEFAULT_TOP = 20
MAX_CHARS = 128
FIELDS = ("by", "of", "job", "top")


def check(given: dict[str, Any]) -> None:
    """`by`, a field, without which all are one group; `of`, a field with numbers; `job`, an import, else all of the visitor's
    own; `top`, how many groups."""
    for name, value in given.items():
        if name not in FIELDS:
            raise ProtocolError("bad-request", f"A report has no {name[:40]}.", field=name[:40])
        if name != "top" and not (value is None or isinstance(value, str) and 1 <= len(value) <= MAX_CHARS):
            raise ProtocolError("bad-request", f"{name} is a text of 1 to {MAX_CHARS} characters.", field=name)
    top = str(given.get("top", DEFAULT_TOP))
    if not (top.isascii() and top.isdigit() and len(top) <= 4 and 1 <= int(top) <= MAX_GROUPS):
        raise ProtocolError("bad-request", f"top is 1 to {MAX_GROUPS}.", field="top")


@task("report", title="Report", unit="groups", is_safe=True, timeout_s=120, fields=FIELDS, check=check)
async def report(run: Run) -> AsyncIterator[Item]:
    by, of, job = (run.input.get(name) for name in ("by", "of", "job"))
    which = {"j": job} if job else {"u": run.user}
    groups = await run.records.groups(which, by, of, int(run.input.get("top", DEFAULT_TOP)))
    run.total = len(groups)
    for group in groups[run.skip :]:
        numbers = {name: group[name] for name in ("sum", "mean", "least", "greatest") if name in group}
        yield {"ok": True, "value": group["_id"], "count": group["count"], **numbers}
    run.result = {"by": by, "of": of, "records": await run.records.count(which), "groups": len(groups)}
