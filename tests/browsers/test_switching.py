"""Changing transport at random under traffic: nothing is lost, doubled or out of order, and hardly anything is felt."""

from tests.browsers.switching import PAUSE_MS, POLL_MS, switch

CHANGES = 200  # the full form is `python -m tests.browsers.switching --changes 1000`


def test_random_changes_under_traffic_lose_nothing(browser, start_server):
    server = start_server(poll_s=POLL_MS / 1000)
    outcome = switch(server, browser, CHANGES)
    assert outcome.faults == []
    assert len(outcome.changes) == CHANGES
    assert len({change.way for change in outcome.changes}) == 12, "all pairs, up and down"
    # Less what a busy machine does to a page that never changes. The p99 is looked at where delays are exact, in tests/js.
    assert outcome.net_ms(0.5) < PAUSE_MS
    assert server.tracebacks() == []
