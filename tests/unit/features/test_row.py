import numpy as np
import pytest

from shortlist.core.types import EventType
from shortlist.features.row import EVENT_DTYPE, MAX_EVENTS, RowFormatError, UserRow


def row_of(count: int) -> UserRow:
    """Make a row of events that happened one second after the other, newest first."""
    events = np.zeros(count, EVENT_DTYPE)
    events["key"] = np.arange(1, count + 1)
    events["time"] = np.arange(count, 0, -1) + 1000
    events["type"] = EventType.CLICK
    events["value"] = 0.5
    return UserRow(events, 7, np.array([1.5, 2.5], np.float32), 2000)


def test_a_row_comes_back_as_it_was() -> None:
    row = UserRow.decode(row_of(3).encode())
    assert row.events["key"].tolist() == [1, 2, 3]
    assert row.events["time"].tolist() == [1003, 1002, 1001]
    assert row.events["type"].tolist() == [EventType.CLICK] * 3
    assert row.counters.tolist() == [1.5, 2.5]
    assert (row.version, row.counters_time, row.event_time) == (7, 2000, 1003)


def test_an_empty_row_comes_back_empty() -> None:
    row = UserRow.decode(UserRow().encode())
    assert (len(row.events), row.version, row.event_time) == (0, 1, 0)


def test_the_oldest_events_leave_a_row_that_is_full() -> None:
    row = UserRow.decode(row_of(MAX_EVENTS + 3).encode())
    assert len(row.events) == MAX_EVENTS
    assert row.events["key"][0] == 1


def test_the_layout_of_a_row_never_changes() -> None:
    # Rows outlive versions of the software: these bytes must stay readable and be written again.
    header = "5552 01 02 0100 0000 0700000000000000 e9030000 d0070000"
    event = "0100000000000000 e9030000 0000003f 03"
    counters = "0000c03f 00002040"
    stored = bytes.fromhex(header + event + counters)
    assert row_of(1).encode() == stored
    assert UserRow.decode(stored).encode() == stored


@pytest.mark.parametrize("length", [0, 1, 23, 24, 40, -1])
def test_a_truncated_row_is_refused(length: int) -> None:
    with pytest.raises(RowFormatError):
        UserRow.decode(row_of(2).encode()[:length])


def test_a_row_with_something_behind_it_is_refused() -> None:
    with pytest.raises(RowFormatError, match="length"):
        UserRow.decode(row_of(2).encode() + b"\0")


def test_a_row_of_another_codec_is_refused() -> None:
    value = bytearray(row_of(2).encode())
    value[2] = 2
    with pytest.raises(RowFormatError, match="codec"):
        UserRow.decode(bytes(value))


def test_a_value_that_is_not_ours_is_refused() -> None:
    with pytest.raises(RowFormatError, match="codec"):
        UserRow.decode(b'{"user": "somebody else\'s JSON, long enough"}')


@pytest.mark.parametrize("event_type", [0, 7, 255])
def test_an_event_type_that_there_is_not_is_refused(event_type: int) -> None:
    # A model's type embedding has no place for it: one such row would take its whole batch down.
    row = row_of(2)
    row.events["type"][1] = event_type
    with pytest.raises(RowFormatError, match="type"):
        UserRow.decode(row.encode())


@pytest.mark.parametrize("counter", [np.nan, np.inf])
def test_a_counter_that_is_not_finite_is_refused(counter: float) -> None:
    with pytest.raises(RowFormatError, match="counter"):
        UserRow.decode(UserRow(counters=np.array([1.0, counter], np.float32)).encode())
