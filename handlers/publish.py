"""POST /v1/publish: one message, up to 100 in order, or a signal."""

import asyncio

import msgspec

from handlers.base import Base
from handlers.publishing import Publisher
from handlers.wire import retry_ms
from protocol.codes import ProtocolError, Refusal, Unavailable
from protocol.frames import BatchBody, PublishBody, parse_body

MAX_MESSAGES = 100


class _Kind(msgspec.Struct):
    messages: msgspec.Raw = msgspec.Raw(b"")


class Publish(Base):
    max_body_bytes = 8 * 1024 * 1024

    async def post(self) -> None:
        if self.node.draining:
            raise Unavailable(code="draining")
        body = self.body()
        if parse_body(body, _Kind).messages:
            await self._batch(parse_body(body, BatchBody))
            return
        message = parse_body(body, PublishBody)
        publisher = Publisher(self.node)
        if message.signal:
            publisher.signal(self.user, message.channel, message.data)
            self.answer({}, 202)
        else:
            receipt = await publisher.publish(self.user, message.channel, message.id, message.data, is_state=message.state)
            self.answer(receipt._asdict())

    async def _batch(self, batch: BatchBody) -> None:
        """Each message is taken before the next one is looked at, so the order in the log is the order here."""
        if not 1 <= len(batch.messages) <= MAX_MESSAGES:
            raise ProtocolError("bad-request", f"1 to {MAX_MESSAGES} messages.", field="messages")
        publisher = Publisher(self.node)

        async def one(raw: msgspec.Raw) -> dict[str, object]:
            try:
                message = parse_body(raw, PublishBody)
                if message.signal:
                    raise ProtocolError("bad-request", "A batch stores messages; a signal is sent by itself.", field="signal")
                receipt = await publisher.publish(self.user, message.channel, message.id, message.data, is_state=message.state)
                return receipt._asdict()
            except Refusal as error:
                return {"error": error.body() if error.retry_after_s is None else {**error.body(), "retry": retry_ms(error)}}

        tasks = [asyncio.ensure_future(one(raw)) for raw in batch.messages]
        results = await asyncio.gather(*tasks)
        self.answer({"results": results})
