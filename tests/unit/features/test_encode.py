import numpy as np
import pytest

from shortlist.core.keys import item_key
from shortlist.core.types import EventType, History
from shortlist.features.encode import (
    COUNTER_HALF_LIFE_DAYS,
    SECONDS_A_DAY,
    USER_DENSE,
    counters_of,
    encode_histories,
    encode_user_dense,
)
from shortlist.features.row import EVENT_DTYPE, UserRow
from shortlist.release.vocabulary import Vocabulary

DAY = int(SECONDS_A_DAY)
NOW = 100 * DAY
VOCABULARY = Vocabulary.build(["a", "b", "c"])
A, B, C = 2, 3, 4


def row_of(*items: str, newest: int = NOW - DAY, counters: tuple[float, float] = (0.0, 0.0)) -> UserRow:
    """Make a row of purchases, newest first, one a day."""
    events = np.zeros(len(items), EVENT_DTYPE)
    events["key"] = [item_key(item) for item in items]
    events["time"] = newest - DAY * np.arange(len(items))
    events["type"] = EventType.PURCHASE
    return UserRow(events, 1, np.array(counters, np.float32), NOW)


def encoded(row: UserRow | None, session: tuple[str, ...] = (), length: int = 4, now: float = NOW) -> History:
    """Encode one user."""
    return encode_histories([row], [session], VOCABULARY, np.array([now]), length)


def test_events_keep_their_order_and_padding_follows() -> None:
    history = encoded(row_of("b", "a"))
    assert history.rows.tolist() == [[B, A, 0, 0]]
    assert history.types.tolist() == [[EventType.PURCHASE, EventType.PURCHASE, 0, 0]]
    assert history.ages.tolist() == [[1.0, 2.0, 0.0, 0.0]]


def test_an_item_that_the_release_lacks_is_unknown() -> None:
    assert encoded(row_of("b", "gone")).rows.tolist() == [[B, 1, 0, 0]]


def test_session_items_come_first_the_latest_before_the_others() -> None:
    history = encoded(row_of("a"), ("b", "c"))
    assert history.rows.tolist() == [[C, B, A, 0]]
    assert history.types.tolist() == [[EventType.CLICK, EventType.CLICK, EventType.PURCHASE, 0]]
    assert history.ages.tolist() == [[0.0, 0.0, 1.0, 0.0]]


def test_a_session_longer_than_the_history_keeps_its_latest_items() -> None:
    assert encoded(row_of("a"), ("a", "b", "c"), length=2).rows.tolist() == [[C, B]]


def test_the_oldest_events_fall_off_the_end() -> None:
    assert encoded(row_of("a", "b", "c"), length=2).rows.tolist() == [[A, B]]


def test_a_request_for_an_earlier_moment_does_not_see_its_own_future() -> None:
    history = encoded(row_of("c", "b", "a"), now=NOW - 2 * DAY)
    assert history.rows.tolist() == [[B, A, 0, 0]]
    assert history.ages.tolist() == [[0.0, 1.0, 0.0, 0.0]]


def test_a_user_without_row_and_session_has_an_empty_history() -> None:
    history = encoded(None)
    assert not history.rows.any()
    assert not history.types.any()


def test_users_of_a_batch_do_not_touch_each_other() -> None:
    rows = [row_of("a"), None, row_of("b", "c")]
    together = encode_histories(rows, [(), ("c",), ()], VOCABULARY, np.full(3, float(NOW)), 4)
    assert together.rows.tolist() == [[A, 0, 0, 0], [C, 0, 0, 0], [B, C, 0, 0]]


def dense_of(row: UserRow | None, session: tuple[str, ...] = (), now: float = NOW) -> dict[str, float]:
    """Compute the user's dense columns before the logarithm, by name."""
    times = np.array([now])
    dense = encode_user_dense([row], encode_histories([row], [session], VOCABULARY, times, 4), times)
    assert dense.dtype == np.float32
    return dict(zip(USER_DENSE, np.expm1(dense[0].astype(np.float64)).tolist(), strict=True))


def test_the_dense_columns_count_events_and_their_ages() -> None:
    dense = dense_of(row_of("a", "b", "c"))
    assert dense["log_events"] == pytest.approx(3)
    assert dense["log_days_since_newest"] == pytest.approx(1)
    assert dense["log_days_since_oldest"] == pytest.approx(3)


def test_counters_fade_with_their_half_life() -> None:
    dense = dense_of(row_of("a", counters=(4.0, 10.0)), now=NOW + COUNTER_HALF_LIFE_DAYS * DAY)
    assert dense["log_events_30d"] == pytest.approx(2.0)
    assert dense["log_value_30d"] == pytest.approx(5.0)


def test_counters_do_not_grow_for_a_request_before_they_were_written() -> None:
    assert dense_of(row_of("a", counters=(4.0, 10.0)), now=NOW - 50 * DAY)["log_events_30d"] == pytest.approx(4.0)


def test_negative_counters_from_refunds_count_as_none() -> None:
    assert dense_of(row_of("a", counters=(1.0, -50.0)))["log_value_30d"] == 0.0


def test_of_an_unknown_user_every_column_is_zero() -> None:
    assert set(dense_of(None).values()) == {0.0}


def test_a_session_counts_as_events() -> None:
    assert dense_of(None, ("a",))["log_events"] == pytest.approx(1)


def test_counters_of_a_log_weigh_each_event_by_its_age() -> None:
    events = np.zeros(2, EVENT_DTYPE)
    events["time"] = [NOW, NOW - int(COUNTER_HALF_LIFE_DAYS) * DAY]
    events["value"] = [3.0, 8.0]
    assert counters_of(events, NOW).tolist() == [1.5, 7.0]
