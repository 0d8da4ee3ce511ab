"""POST /v1/disconnect: the server side closes the connections of a user, or on a channel."""

import msgspec

from handlers.base import Base
from protocol.codes import ProtocolError
from protocol.frames import parse_body
from protocol.notices import DismissNotice
from protocol.positions import parse_channel

MAX_ID_CHARS = 256


class DisconnectBody(msgspec.Struct):
    user: str | None = None
    channel: str | None = None


class Disconnect(Base):
    """For operators. All workers and hosts are told; the answer says how many connections this process closed by itself."""

    needs_user = False

    async def post(self) -> None:
        self.require_operator()
        asked = parse_body(self.body(), DisconnectBody)
        if asked.channel is not None:
            parse_channel(asked.channel)
        if not asked.user and asked.channel is None:
            raise ProtocolError("bad-request", "user or channel says whose connections are meant.", field="user")
        if len(asked.user or "") > MAX_ID_CHARS:
            raise ProtocolError("bad-request", f"An id has at most {MAX_ID_CHARS} characters.", field="user")
        user = asked.user or None
        self.node.notices.tell(DismissNotice(user, asked.channel))
        self.answer({"closed": self.node.dismiss(user, asked.channel)})
