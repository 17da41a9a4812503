"""The function in Redis folds events as the plain fold does, whatever comes in whatever order."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shortlist.core.types import EventType
from shortlist.features.events import MAX_VALUE, UserEvent
from shortlist.features.keys import aside_key, user_key
from shortlist.features.row import MAX_EVENTS, UserRow
from support.real_servers import Valkey
from support.user_events import START_S, USER, PlainFold, Shelf, assert_folded, shelf, user_event

IDS = st.integers(0, 40).map(lambda number: f"event-{number}")
ITEMS = st.integers(0, 6).map(lambda number: f"item-{number}")
TIMES = st.one_of(
    st.integers(START_S, START_S + 5), st.integers(START_S - 10**8, START_S + 10**8), st.sampled_from([0, 2**32 - 1])
)
VALUES = st.floats(-1e6, 1e6, width=32)
EVENTS = st.builds(user_event, IDS, ITEMS, TIMES, st.sampled_from(EventType), VALUES)
CALLS = st.lists(st.lists(EVENTS, min_size=1, max_size=12), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Run a Valkey with a store over it."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server, shelf(server.url) as opened:
        yield opened


@given(CALLS)
@example([[user_event("a", time_s=START_S), user_event("b", time_s=START_S)]])
@example([[user_event("a", event_type=EventType.IMPRESSION)], [user_event("a"), user_event("b")]])
@example([[user_event("a", value=1.0)], [user_event("a", value=2.0)], [user_event("b", value=3.0)]])
@settings(max_examples=150, deadline=None)
def test_a_row_is_what_the_plain_fold_makes_of_its_events(store: Shelf, calls: Sequence[Sequence[UserEvent]]) -> None:
    store.forget(USER)
    fold = PlainFold()
    for events in calls:
        assert store.record(*events) == fold.record(events)
        assert_folded(store.row_if_any(), fold)
    assert store.stream() == [event.logged for event in fold.accepted]


@given(st.integers(0, 2**32))
@settings(max_examples=4, deadline=None)
def test_a_row_that_is_full_loses_its_oldest_events(store: Shelf, seed: int) -> None:
    store.forget(USER)
    rng, fold = np.random.default_rng(seed), PlainFold()
    events = [
        user_event(f"event-{number}", f"item-{item}", START_S + time, EventType(kind), float(kind))
        for number, (item, time, kind) in enumerate(
            zip(
                rng.integers(0, 400, 1500).tolist(),
                rng.integers(0, 3000, 1500).tolist(),
                rng.integers(1, 7, 1500).tolist(),
                strict=True,
            )
        )
    ]
    for start in range(0, len(events), 30):
        call = events[start : start + 30]
        assert store.record(*call) == fold.record(call)
    assert len(store.row().events) == MAX_EVENTS
    assert_folded(store.row(), fold)


@given(
    st.one_of(st.sampled_from([0, 1, 255, 2**16 - 1, 2**32 - 1, 2**32, 2**53, 2**64 - 2]), st.integers(0, 2**64 - 2))
)
@settings(max_examples=30, deadline=None)
def test_a_version_counts_up_over_all_of_its_64_bits(store: Shelf, version: int) -> None:
    store.forget(USER)
    store.client.set(user_key(USER), UserRow(version=version).encode())
    (recorded,) = store.record(user_event("only"))
    assert recorded.row_version == store.row().version == version + 1


@given(st.lists(st.sampled_from([MAX_VALUE, -MAX_VALUE, 1.0]), min_size=1, max_size=20))
@settings(max_examples=20, deadline=None)
def test_no_values_make_a_row_that_nobody_can_read(store: Shelf, values: Sequence[float]) -> None:
    store.forget(USER)
    for number, value in enumerate(values):
        store.record(user_event(str(number), value=value))
    assert store.row().version == len(values)


@given(st.binary(max_size=300))
@example(b"UR\x01\x02")
@example(UserRow().encode()[:-1])
@example(UserRow(counters=np.array([np.nan, 0.0], np.float32)).encode())
@settings(max_examples=50, deadline=None)
def test_what_is_no_row_is_counted_set_aside_and_begun_anew(store: Shelf, value: bytes) -> None:
    store.forget(USER)
    store.client.set(user_key(USER), value)
    fold, bad_rows = PlainFold(), store.bad_rows
    events = [user_event("first")]
    assert store.record(*events) == fold.record(events)
    assert_folded(store.row(), fold)
    assert store.bad_rows == bad_rows + 1
    assert store.client.get(aside_key(USER)) == value
