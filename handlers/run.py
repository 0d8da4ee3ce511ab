"""/v1/run/TASK: runs a task of the server, and answers with a stream of its items or with one JSON at the end.

Whoever leaves, the task goes on; who comes again with the same id, or with the id of its last event, goes on listening.
"""

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from pymongo.errors import PyMongoError
from tornado.iostream import StreamClosedError

from handlers.base import Base, encode
from handlers.follow import Left, News, follow
from handlers.upload import Receiver
from protocol.codes import ProtocolError, Refusal, Unavailable
from protocol.frames import check_id
from protocol.progress import MAX_TITLE_CHARS, Job, NewJob
from store.jobs import Made
from store.uploads import Upload
from tasks.registry import TASKS, Task

ENDED = "end"
"""In place of an index: nothing follows."""
NOT_INPUT = ("id", "stream", "token", "lastEventId", "_")
"""Parameters of a GET that are ours."""
MAX_INPUT_BYTES = 64 * 1024


class RunTask(Base):
    takes_forms = False
    receiver: Receiver | None = None
    gone = False

    async def prepare(self) -> None:
        await super().prepare()
        self.task = self._task(self.path_args[0])
        self.query = self.parameters()
        self.wants_stream = self._wants_stream()
        if self.request.method == "POST" and self.task.takes_files:
            self.receiver = Receiver(self.node.uploads, self.request.headers.get("Content-Type", ""))

    async def data_received(self, chunk: bytes) -> None:
        if self.receiver is not None:
            await self.receiver.take(chunk)
        else:
            super().data_received(chunk)

    async def get(self, name: str) -> None:
        if not self.task.is_safe:
            raise ProtocolError("method-not-allowed", f"The task {name} changes something: start it with POST.")
        last = self.request.headers.get("Last-Event-ID") or self.query.get("lastEventId", [""])[-1]
        if last:
            await self._resume(last)
            return
        given = {key: values[-1] for key, values in self.query.items() if key not in NOT_INPUT}
        await self._answer(await self._begin(self._checked(given)))

    async def post(self, name: str) -> None:
        if self.receiver is None:
            await self._answer(await self._begin(self._checked(self._input())))
            return
        upload = await self.receiver.close()
        about = {"id": upload.id, "format": self.receiver.format, "size": upload.size}
        try:
            made = await self._begin(upload.digest.encode(), self.receiver.name[:MAX_TITLE_CHARS].strip(), about)
        except Refusal:
            await self._forget(upload)
            raise
        if made.task is not None and made.task["upload"]["id"] != upload.id:  # it was here before
            await self._forget(upload)
        await self._answer(made)

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.gone = True

    # starting

    @staticmethod
    def _task(name: str) -> Task:
        if name not in TASKS:
            raise ProtocolError("not-found", f"There is no task {name[:40]}.")
        return TASKS[name]

    def _input(self) -> dict[str, Any]:
        if self.request.headers.get("Content-Type") is None and not self._body:
            return {}
        body = self.body()
        if len(body) > MAX_INPUT_BYTES:
            raise ProtocolError("too-large", f"The input of a task takes at most {MAX_INPUT_BYTES} bytes.")
        try:
            return msgspec.json.decode(body or b"{}", type=dict)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise ProtocolError("bad-json", "The input of a task is a JSON object.") from error

    def _checked(self, given: dict[str, Any]) -> bytes:
        self.task.check(given)
        return encode(given)

    async def _forget(self, upload: Upload) -> None:
        with contextlib.suppress(PyMongoError):  # it is swept out later
            await self.node.uploads.delete(upload.id)

    def _wants_stream(self) -> bool:
        wanted = self.query.get("stream", [None])[-1]
        if wanted not in (None, "true"):
            raise ProtocolError("bad-request", "stream is true, or not there.", field="stream")
        return wanted is not None

    async def _begin(self, given: bytes, title: str = "", upload: dict | None = None) -> Made:
        """The job of this call: a new one, or the one that was begun with the same id. Raises Refusal."""
        if self.node.draining:
            raise Unavailable(code="draining")
        id = self.query.get("id", [None])[-1]
        check_id(id)
        job = self.node.identity.unguessable(f"run-{self.task.name}", self.user, id)
        asked = {
            "name": self.task.name,
            "digest": hashlib.sha256(given).hexdigest(),
            "input": b"{}" if upload is not None else given,
            "upload": upload,
        }
        if id is None or not await self._exists(job):
            self.node.runner.check_room(self.user.id)
            if not self.user.backend:
                self.node.starts.take(self.user.id)
        new = NewJob(title=title or self.task.title, unit=self.task.unit)
        made, shown, _ = await self.node.jobs.create(job, self.user.public(), new, asked)
        if not shown.job.is_final:
            self.node.runner.run(made)
        return made

    async def _exists(self, job: str) -> bool:
        try:
            await self.node.jobs.made(job)
        except ProtocolError:
            return False
        return True

    # answering

    async def _resume(self, last: str) -> None:
        job, _, index = last.rpartition(".")
        if re.fullmatch(r"-1|[0-9]{1,9}", index) and self.wants_stream:
            try:
                made = await self.node.jobs.made(job)
            except ProtocolError:
                pass
            else:
                await self._stream(made, int(index))
                return
        self.set_status(204)  # which is what stops an EventSource

    async def _answer(self, made: Made) -> None:
        await (self._stream(made, -1) if self.wants_stream else self._whole(made))

    async def _stream(self, made: Made, after: int) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache, no-transform")
        self.set_header("X-Accel-Buffering", "no")
        opening = {"type": "job", "id": made.id, "channel": f"job:{made.id}"}
        if made.user["id"] == self.user.id:
            opening["key"] = made.key
        index = after
        self._event(encode(opening), f"{made.id}.{index}")
        try:
            await self.flush()
            async for news in self._news(made.id, after):
                for item in news.items:
                    index += 1
                    self._event(item, f"{made.id}.{index}")
                if news.state is not None:
                    self._event(news.state)
                if news.job is not None and news.job.is_final:
                    self._event(_last_event(news.job), f"{made.id}.{ENDED}")
                if not news.items and news.state is None:
                    self.write(b": still here\n\n")
                await self.flush()
        except (Left, Unavailable, StreamClosedError):
            return  # it ends without an end, so its reader comes again

    async def _whole(self, made: Made) -> None:
        self.set_header("Content-Type", "application/json")
        job, after = None, -1
        async for news in self._news(made.id, -1):
            after += len(news.items)
            job = news.job or job
        assert job is not None
        self.write(b'{"job":' + encode(job) + b',"items":[')
        count, comma = after + 1, b""
        after = -1
        while after + 1 < count:
            page = await self.node.items.page(made.id, after, 1000, 512 * 1024)
            if not page.items:
                break
            self.write(comma + b",".join(page.items))
            await self.flush()
            after += len(page.items)
            comma = b","
        self.write(b"]," + encode(_outcome(job))[1:])

    async def _news(self, id: str, after: int) -> AsyncIterator[News]:
        async for news in follow(self.node, id, after, self.node.settings.heartbeat_s):
            if self.gone:
                return
            yield news

    def _event(self, payload: bytes, id: str = "") -> None:
        if id:
            self.write(b"id: " + id.encode() + b"\n")
        self.write(b"data: " + payload + b"\n\n")


def _outcome(job: Job) -> dict[str, object]:
    if job.state == "done":
        return {"result": job.result}
    if job.state == "failed" and isinstance(job.result, dict) and "error" in job.result:
        return {"error": job.result["error"]}
    return {"error": {"code": job.state, "message": job.note or f"The task was {job.state}."}}


def _last_event(job: Job) -> bytes:
    outcome = _outcome(job)
    if "error" not in outcome:
        return encode({"type": "end", **outcome})
    error = outcome["error"]
    assert isinstance(error, dict)
    return encode({"type": "error", **error})
