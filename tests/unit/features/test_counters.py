import numpy as np
import pytest

from shortlist.core.keys import digest, item_key
from shortlist.features.counters import ItemCounters
from shortlist.features.derived import ITEM_DTYPE, RATE_HALF_LIFE_S, packed
from shortlist.v1 import events_pb2
from support.derivations import logged_event
from support.user_events import START_S


def test_the_shards_counters_of_an_item_are_added_up_as_of_one_moment() -> None:
    records = np.zeros(3, ITEM_DTYPE)
    records["time"] = [START_S, START_S - RATE_HALF_LIFE_S, START_S]
    records["counts"][:, 4] = [3, 4, 1]
    records["rates"][:, 4] = [2.0, 4.0, 1.0]
    added = ItemCounters.added_up([digest("a"), digest("a"), digest("b")], records, START_S)
    assert added.keys.tolist() == sorted([item_key("a"), item_key("b")])
    of_a = added.keys.tolist().index(item_key("a"))
    assert added.counts[of_a].tolist() == [0, 0, 0, 0, 7, 0]
    assert added.rates[of_a, 4] == pytest.approx(4.0)
    assert added.counts[1 - of_a, 4] == 1


def test_rates_of_a_clock_that_is_ahead_count_in_full() -> None:
    records = np.zeros(1, ITEM_DTYPE)
    records["time"], records["rates"] = START_S + 60, 1.0
    assert ItemCounters.added_up([digest("a")], records, START_S).rates.tolist() == [[1.0] * 6]


def test_nothing_adds_up_to_nothing() -> None:
    added = ItemCounters.added_up([], np.zeros(0, ITEM_DTYPE), START_S)
    assert added.keys.shape == (0,)
    assert added.rates.shape == (0, 6)


def test_an_entry_is_packed_into_21_bytes() -> None:
    event = logged_event("a", "ann", "item-1", time_s=START_S)
    assert packed(event.logged) == digest("ann") + digest("item-1") + START_S.to_bytes(4, "little") + b"\3"


@pytest.mark.parametrize(
    "entry",
    [
        b"\xff\xff",
        b"",
        events_pb2.Event(user_id="ann", type=events_pb2.EVENT_TYPE_CLICK).SerializeToString(),
        events_pb2.Event(item_id="a", type=events_pb2.EVENT_TYPE_CLICK).SerializeToString(),
        events_pb2.Event(item_id="a", user_id="ann").SerializeToString(),
        events_pb2.Event(item_id="a", user_id="ann", type=77).SerializeToString(),  # type: ignore[arg-type]
    ],
)
def test_an_entry_that_is_no_event_is_packed_into_nothing(entry: bytes) -> None:
    assert packed(entry) == b""


def test_a_time_that_no_row_can_hold_is_no_event() -> None:
    event = events_pb2.Event(item_id="a", user_id="ann", type=events_pb2.EVENT_TYPE_CLICK)
    event.time.seconds = 2**32
    assert packed(event.SerializeToString()) == b""
