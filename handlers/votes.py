"""/v1/votes: a question, its choices, and one ballot for each user."""

import msgspec

from handlers.base import Base
from negotiation.authorize import authorize_ballot, authorize_close
from protocol.codes import Unavailable
from protocol.frames import check_id, parse_body
from protocol.tally import Ballot, NewVote
from store.ballots import Counted
from store.vote_log import channel_of


class _Nothing(msgspec.Struct):
    pass


class VoteAddress(Base):
    max_body_bytes = 64 * 1024
    """Twenty choices of 200 characters, each as long as JSON can make it."""

    async def prepare(self) -> None:
        await super().prepare()
        if self.node.draining and self.request.method in ("POST", "PUT"):
            raise Unavailable(code="draining")

    def answer_standing(self, counted: Counted) -> None:
        vote, position = counted.standing.vote, counted.standing.position
        self.answer({**msgspec.to_builtins(vote), "position": str(position), "mine": counted.mine})


class VoteList(VoteAddress):
    async def post(self) -> None:
        new = parse_body(self.body(), NewVote)
        new.check()
        check_id(new.id)
        if not self.user.backend:
            self.node.starts.take(self.user.id)
        id = self.node.identity.unguessable("vote", self.user, new.id)
        standing = await self.node.votes.create(id, self.user.public(), new)
        self.answer({"id": id, "channel": channel_of(id), "position": str(standing.position)}, 201)


class VoteOne(VoteAddress):
    async def get(self, id: str) -> None:
        self.answer_standing(await self.node.votes.seen_by(id, self.user.id))

    head = get


class VoteBallot(VoteAddress):
    async def put(self, id: str) -> None:
        ballot = parse_body(self.body(), Ballot)
        new = (await self.node.votes.get(id)).new
        authorize_ballot(self.user, channel_of(id), new.voters)
        choices = new.check_ballot(ballot.choices)
        self.node.publishes.take(self.user.id)
        self.answer_standing(await self.node.votes.cast(id, self.user.id, choices))


class VoteClose(VoteAddress):
    async def post(self, id: str) -> None:
        parse_body(self.optional_body(), _Nothing)
        authorize_close(self.user, channel_of(id), (await self.node.votes.get(id)).creator["id"])
        await self.node.votes.end(id)
        self.answer_standing(await self.node.votes.seen_by(id, self.user.id))
