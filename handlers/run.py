"""/v1/run/TASK: runs a task of the server, and answers with a stream of its items or with one JSON at the end.

Whoever leaves, the task goes on; who comes again with the same id, or with the id of its last event, goes on listening.
"""

import asyncio
import contextlib
import hashlib
import random
import re
from typing import Any

import msgspec
from pymongo.errors import PyMongoError
from tornado.iostream import StreamClosedError

from handlers.base import Base, encode
from handlers.follow import Bell, Left, News, all_items, final, follow, last_event, last_item, outcome
from handlers.jobs import body
from handlers.sse import RETRY_MS
from handlers.upload import MAX_FILE_BYTES, Receiver
from handlers.wire import goaway
from negotiation.identity import User
from protocol.codes import ProtocolError, Unavailable
from protocol.frames import check_id
from protocol.progress import MAX_TITLE_CHARS, NewJob
from protocol.session import Attachment
from store.jobs import Made
from store.uploads import Upload
from tasks.registry import TASKS

MAX_INPUT_BYTES = 64 * 1024
UPLOAD_S = 1800.0
"""How long a file may take to arrive: at 30 KB/s it does."""
ANY_BYTES = 1 << 40
ENDED = "end"
"""In place of an index in an event's id: nothing follows."""
AGAIN_MS = 1000
STILL_HERE = b": still here\n\n"


class RunTask(Base):
    takes_forms = False
    transport = "run"
    receiver: Receiver | None = None
    bell: Bell | None = None
    gone = False
    retry_ms: int | None = None
    """Once who listens was sent away: when to come again."""

    async def prepare(self) -> None:
        task = TASKS.get(self.path_args[0])
        takes_file = self.request.method == "POST" and task is not None and task.takes_files
        self.max_body_bytes = MAX_FILE_BYTES if takes_file else MAX_INPUT_BYTES
        self._waits_for_body = "Expect" not in self.request.headers  # then nothing is sent before it is asked for
        await super().prepare()
        if self.request.method == "OPTIONS":
            return
        if task is None:
            raise ProtocolError("not-found", f"There is no task {self.path_args[0][:40]}.")
        self.task = task
        self.address = self.outside.address
        self.asked = self.parameters()
        self.wants_stream = self._wants_stream()
        self.waits = self.asked.get("wait", [""])[-1] != "0"
        self.id = self.asked.get("id", [None])[-1]
        check_id(self.id)
        self.node.admit(self.address)
        if self.request.method == "POST":
            await self._check_may_start()
        if self.request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise ProtocolError("bad-media-type", "Send the body as it is, not compressed.")
        if takes_file:
            sent = self.request.headers.get("Content-Type", "") if self.announces_body() else "application/json"
            self.receiver = Receiver(self.node.uploads, sent, lambda: self.node.log.refusing)
            self.request.connection.set_body_timeout(UPLOAD_S)
            self.request.connection.set_max_body_size(ANY_BYTES)  # or Tornado ends a longer one without a word
        self._waits_for_body = True

    async def data_received(self, chunk: bytes) -> None:
        if self.receiver is None:
            super().data_received(chunk)
            return
        await self.receiver.take(chunk)

    async def get(self, name: str) -> None:
        if not self.task.is_safe:
            raise ProtocolError("method-not-allowed", f"The task {name} changes something: start it with POST.")
        last = self.request.headers.get("Last-Event-ID") or self.asked.get("lastEventId", [""])[-1]
        if last:
            await self._resume(last)
            return
        await self._check_may_start()
        given = {key: values[-1] for key, values in self.asked.items() if key in self.task.fields}
        await self._answer(await self._begin(self._checked(given)), -1)

    async def post(self, name: str) -> None:
        if self.receiver is None:
            await self._answer(await self._begin(self._checked(self._input())), -1)
            return
        upload = await self.receiver.close()
        format = self.receiver.format
        title = "".join(c for c in self.receiver.name if c.isprintable())[:MAX_TITLE_CHARS].strip()
        about = {"id": upload.id, "format": format, "size": upload.size}
        try:
            made = await self._begin(f"{format}:{upload.digest}".encode(), title, about)
        except ProtocolError:  # after an Unavailable it may be needed all the same
            await self._forget(upload)
            raise
        if made.task is not None and made.task["upload"]["id"] != upload.id:  # it was here before
            await self._forget(upload)
        await self._answer(made, -1)

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.gone = True
        if self.bell is not None:
            self.bell.stop()
        if self.receiver is not None:
            asyncio.ensure_future(self.receiver.abort())

    # among the connections of a node

    def goaway(self, retry_ms: int) -> None:
        self.retry_ms = retry_ms
        if self.bell is not None:
            self.bell.stop()

    def signal(self, payload: bytes) -> None:
        """Nothing of the kind comes here."""

    def rename(self, user: User) -> None:
        """Nor does this."""

    @property
    def attachment(self) -> Attachment:
        assert self.bell is not None, "who is among them has a bell"
        return self.bell.attachment

    def dismiss(self) -> None:
        """The task goes on without its listener."""
        self.goaway(0)

    # starting

    def _input(self) -> dict[str, Any]:
        try:
            return msgspec.json.decode(self.optional_body(), type=dict)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise ProtocolError("bad-json", "The input of a task is a JSON object.") from error

    def _checked(self, given: dict[str, Any]) -> bytes:
        self.task.check(given)
        return msgspec.json.encode(given, order="sorted")

    async def _forget(self, upload: Upload) -> None:
        with contextlib.suppress(PyMongoError):  # it is swept out later
            await self.node.uploads.delete(upload.id)

    def _wants_stream(self) -> bool:
        wanted = self.asked.get("stream", [None])[-1]
        if wanted not in (None, "true"):
            raise ProtocolError("bad-request", "stream is true, or not there.", field="stream")
        return wanted is not None

    async def _check_may_start(self) -> None:
        """Before its body is there, which may be long. Raises ProtocolError, Unavailable."""
        if self.node.log.refusing is not None:
            raise Unavailable(self.node.log.refusing, retry_after_s=5)
        self.job = self.node.identity.unguessable(f"run-{self.task.name}", self.user, self.id)
        self.is_new = self.id is None or not await self._exists(self.job)
        if self.is_new:
            with self.node.runner.room(self.user.id, self.job):
                pass
            if not self.user.backend:
                self.node.starts.take(self.user.id)

    async def _exists(self, job: str) -> bool:
        try:
            await self.node.jobs.made(job)
        except ProtocolError:
            return False
        return True

    async def _begin(self, given: bytes, title: str = "", upload: dict[str, Any] | None = None) -> Made:
        """The job of this call: a new one, or the one that was begun with the same id. Raises ProtocolError, Unavailable."""
        if self.node.draining:
            raise Unavailable(code="draining")
        asked = {
            "name": self.task.name,
            "digest": hashlib.sha256(given).hexdigest(),
            "input": b"{}" if upload is not None else given,
            "upload": upload,
        }
        new = NewJob(title=title or self.task.title, unit=self.task.unit)
        with self.node.runner.room(self.user.id, self.job) if self.is_new else contextlib.nullcontext():
            made, shown, _ = await self.node.jobs.create(self.job, self.user.public(), new, asked)
            if not shown.job.is_final:
                self.node.runner.run(made)
        return made

    # answering

    async def _resume(self, last: str) -> None:
        job, _, index = last.rpartition(".")
        if re.fullmatch(r"-1|[0-9]{1,9}", index) and self.wants_stream:
            with contextlib.suppress(ProtocolError):  # it is no longer kept, or never was
                made = await self.node.jobs.made(job)
                if made.task is not None and made.task["name"] == self.task.name:
                    await self._answer(made, int(index))
                    return
        self.set_status(204)  # which is what stops an EventSource

    async def _answer(self, made: Made, after: int) -> None:
        if not (self.wants_stream or self.waits):
            self.answer({"job": body(await self.node.jobs.get(made.id))}, 202)
            return
        self.bell = Bell(self.node.hub.epoch)
        is_old = self.request.version == "HTTP/1.0"
        if is_old:
            self.request.headers.pop("Connection", None)  # such an answer ends with its connection, whatever was asked
        self.node.enter(self)
        try:
            await (self._stream(made, after, self.bell) if self.wants_stream else self._whole(made, self.bell))
        except StreamClosedError:
            pass  # who listened has left; the task goes on
        finally:
            self.node.leave(self)
        if is_old:
            await self.finish()
            self.request.connection.close()

    async def _stream(self, made: Made, after: int, bell: Bell) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache, no-transform")
        self.set_header("X-Accel-Buffering", "no")
        opening = {"type": "job", "id": made.id, "channel": f"job:{made.id}"}
        if made.user["id"] == self.user.id:
            opening["key"] = made.key
        self.write(b"retry: %d\n" % random.randint(*RETRY_MS))
        self._event(encode(opening), f"{made.id}.{after}")
        try:
            await self.flush()
            async with contextlib.aclosing(follow(self.node, made.id, after, self.node.settings.heartbeat_s, bell)) as all_news:
                async for news in all_news:
                    self._tell(news, made.id)
                    await self.flush()
                    if news.job is not None and news.job.is_final:
                        return
        except (Left, Unavailable, ProtocolError):
            pass
        if not self.gone:
            retry_ms = AGAIN_MS if self.retry_ms is None else self.retry_ms
            self.write(b"retry: %d\n" % retry_ms)
            self._event(goaway(retry_ms))

    def _tell(self, news: News, id: str) -> None:
        for index, item in enumerate(news.items, news.last + 1 - len(news.items)):
            self._event(item, f"{id}.{index}")
        if news.state is not None:
            self._event(news.state)
        if news.job is not None and news.job.is_final:
            self._event(last_event(news.job), f"{id}.{ENDED}")
        if not news.items and news.state is None:
            self.write(STILL_HERE)

    async def _whole(self, made: Made, bell: Bell) -> None:
        job = await final(self.node, made.id, self.node.settings.heartbeat_s, bell)
        if self.gone:
            return
        if job is None:
            raise Unavailable(code="draining", retry_after_s=(self.retry_ms or AGAIN_MS) / 1000)
        last = await last_item(self.node, job)
        self.set_header("Content-Type", "application/json")
        self.write(b'{"job":' + encode(job) + b',"items":[')
        comma = b""
        try:
            async for page in all_items(self.node, made.id, last):
                self.write(comma + b",".join(page.items))
                await self.flush()
                comma = b","
        except Unavailable:
            if not self._headers_written:
                raise
            self.request.connection.close()  # the answer is cut where anybody sees it
            return
        self.write(b"]," + encode(outcome(job))[1:])

    def _event(self, payload: bytes, id: str = "") -> None:
        if id:
            self.write(b"id: " + id.encode() + b"\n")
        self.write(b"data: " + payload + b"\n\n")
