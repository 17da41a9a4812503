"""What consumers derive is what a plain recount of the same events says, whatever comes in whatever order."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shortlist.core.types import EventType
from shortlist.features.events import UserEvent
from support.derivations import Deriving, Recount, deriving, logged_event
from support.real_servers import Valkey
from support.user_events import START_S, Shelf, shelf

IDS = st.integers(0, 10**9).map(str)
USERS = st.integers(0, 4).map(lambda number: f"user-{number}")
ITEMS = st.integers(0, 6).map(lambda number: f"item-{number}")  # as many as a user is remembered for, less one
TIMES = st.one_of(
    st.integers(START_S, START_S + 5),
    st.integers(START_S, START_S + 7200),
    st.integers(START_S - 10**7, START_S),
)
EVENTS = st.lists(
    st.builds(logged_event, IDS, USERS, ITEMS, st.sampled_from(EventType), TIMES), min_size=1, max_size=60
)
AT_S = START_S + 7200.0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shelf, Deriving]]:
    """Run a Valkey with a store of events and consumers over it."""
    with (
        Valkey(tmp_path_factory.mktemp("valkey")) as server,
        shelf(server.url) as opened,
        deriving(server.url) as consumers,
    ):
        yield opened, consumers


@given(EVENTS, st.integers(1, 20))
@example([logged_event("a"), logged_event("b", item_id="item-1", time_s=START_S + 1800)], 2)
@example([logged_event("a"), logged_event("b", item_id="item-1", time_s=START_S + 1801)], 2)
@example([logged_event("a"), logged_event("b", item_id="item-1"), logged_event("c"), logged_event("d")], 1)
@settings(max_examples=60, deadline=None)
def test_counts_rates_and_pairs_are_those_of_a_recount(
    place: tuple[Shelf, Deriving], events: Sequence[UserEvent], size: int
) -> None:
    store, consumers = place
    store.client.flushall()
    consumer = consumers.consumer()
    consumer.tend()
    for start in range(0, len(events), size):
        store.record(*events[start : start + size])
        consumer.step()
    recount, derived = Recount.of_streams(store.client), consumers.derived(AT_S)
    assert derived.counts == recount.counts
    assert derived.rates == pytest.approx(recount.rates(AT_S), rel=1e-4)
    assert derived.weights == pytest.approx(recount.weights(AT_S), rel=1e-4)


@given(EVENTS, st.lists(st.booleans(), min_size=60, max_size=60))
@settings(max_examples=30, deadline=None)
def test_what_one_consumer_left_pending_another_counts(
    place: tuple[Shelf, Deriving], events: Sequence[UserEvent], turns: Sequence[bool]
) -> None:
    store, consumers = place
    store.client.flushall()
    living, dead = consumers.consumer(taken_over_s=60.0), consumers.consumer(taken_over_s=60.0)
    living.tend()
    for event, turn in zip(events, turns, strict=False):
        if store.record(event)[0].is_duplicate:
            continue
        if turn:
            dead._new()  # reads, and never applies
        else:
            living.step()
    heir = consumers.consumer()
    while taken := heir.tend():
        heir.apply(taken)
    assert consumers.derived(AT_S).counts == Recount.of_streams(store.client).counts
