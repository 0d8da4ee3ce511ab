"""What a vote may ask and a ballot may choose; the tally by differences is that of the ballots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codes import ProtocolError
from protocol.tally import MAX_OPEN_MS, NewVote, move

ballots = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.integers(0, 4), unique=True).map(sorted))


@given(changes=st.lists(ballots, max_size=8))
def test_the_tally_by_differences_is_that_of_the_last_ballots(changes):
    tally, voters, last = [0] * 5, 0, {}
    for change in changes:
        moved = move({user: last[user] for user in change if user in last}, change)
        voters += moved.voters
        for choice, by in moved.tally.items():
            assert by
            tally[choice] += by
        last.update(change)
    assert tally == [sum(choice in choices for choices in last.values()) for choice in range(5)]
    assert voters == sum(bool(choices) for choices in last.values())
    assert move(last, last) == ({}, 0)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"question": ""}, "question"),
        ({"question": " \n"}, "question"),
        ({"question": "x" * 501}, "question"),
        ({"choices": ["one"]}, "choices"),
        ({"choices": [str(number) for number in range(21)]}, "choices"),
        ({"choices": ["a", ""]}, "choices"),
        ({"choices": ["a", "x" * 201]}, "choices"),
        ({"choices": ["a", "b", "a"]}, "choices"),
        ({"choices": ["a  b", " a b"]}, "choices"),
        ({"choices": ["é", "e\u0301"]}, "choices"),
    ],
)
def test_what_no_vote_may_ask(fields, field):
    with pytest.raises(ProtocolError) as caught:
        NewVote(**{"question": "?", "choices": ["a", "b"], **fields}).check()
    assert (caught.value.code, caught.value.field) == ("bad-request", field)


def test_the_largest_vote():
    NewVote(question="x" * 500, choices=[f"{number:0200}" for number in range(20)]).check()


@pytest.mark.parametrize(("closes", "fits"), [(-1, False), (1000, False), (1001, True), (1000 + MAX_OPEN_MS, True), (2**70, False)])
def test_a_vote_closes_within_a_year(closes, fits):
    vote = NewVote(question="?", choices=["a", "b"], closes=closes)
    if fits:
        vote.check_closes(1000)
    else:
        with pytest.raises(ProtocolError, match="closes"):
            vote.check_closes(1000)


@pytest.mark.parametrize(
    ("multiple", "choices", "ballot"),
    [
        (False, [], []),
        (False, [2], [2]),
        (False, [0, 1], None),
        (False, [3], None),
        (False, [-1], None),
        (True, [2, 0], [0, 2]),
        (True, [0, 1, 2], [0, 1, 2]),
        (True, [1, 1], None),
        (True, [0, 1, 2, 3], None),
        (True, [2**70], None),
    ],
)
def test_what_a_ballot_may_choose(multiple, choices, ballot):
    vote = NewVote(question="?", choices=["a", "b", "c"], multiple=multiple)
    if ballot is not None:
        assert vote.check_ballot(choices) == ballot
    else:
        with pytest.raises(ProtocolError, match="bad-request") as caught:
            vote.check_ballot(choices)
        assert caught.value.field == "choices"
