import math
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from shortlist.core.errors import InvalidRequestError
from shortlist.core.types import EventType
from shortlist.features.events import MAX_VALUE
from shortlist.gateway.event_requests import MAX_AHEAD_S, user_event
from shortlist.v1 import events_pb2

NOW_S = 1_700_000_000.25
YEAR_S = 365 * 86_400


def event(**fields: Any) -> events_pb2.Event:
    """Make an event in which nothing is wrong but what the fields are."""
    right = {"event_id": "e", "user_id": "ann", "item_id": "item-3", "type": events_pb2.EVENT_TYPE_CLICK}
    return events_pb2.Event(**(right | fields))


def at(seconds: int, nanos: int = 0) -> Timestamp:
    """Name a moment."""
    return Timestamp(seconds=seconds, nanos=nanos)


WRONG = [
    ({"event_id": ""}, "event_id"),
    ({"event_id": "x" * 129}, "event_id"),
    ({"event_id": "é" * 65}, "event_id"),
    ({"user_id": ""}, "user_id"),
    ({"user_id": "x" * 257}, "user_id"),
    ({"item_id": ""}, "item_id"),
    ({"item_id": "x" * 257}, "item_id"),
    ({"type": events_pb2.EVENT_TYPE_UNSPECIFIED}, "type"),
    ({"type": 7}, "type"),
    ({"type": -1}, "type"),
    ({"time": at(-1)}, "time"),
    ({"time": at(2**32)}, "time"),
    ({"time": at(5, -1)}, "time"),
    ({"time": at(5, 10**9)}, "time"),
    ({"time": at(int(NOW_S) + MAX_AHEAD_S + 1)}, "time"),
    ({"time": at(int(NOW_S) + YEAR_S)}, "time"),
    ({"value": math.nan}, "value"),
    ({"value": math.inf}, "value"),
    ({"value": -math.inf}, "value"),
    ({"value": 1e39}, "value"),
    ({"request_id": "a"}, "request_id"),
    ({"request_id": "g" * 32}, "request_id"),
    ({"request_id": "a" * 33}, "request_id"),
    ({"request_id": "a" * 32 + "\n"}, "request_id"),
    ({"surface": "x" * 65}, "surface"),
]


@pytest.mark.parametrize(
    ("fields", "field"), WRONG, ids=[f"{number}-{field}" for number, (_, field) in enumerate(WRONG)]
)
def test_a_wrong_field_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        user_event(event(**fields), NOW_S)
    assert caught.value.field == field


def test_everything_at_its_limit_is_accepted() -> None:
    message = event(
        event_id="é" * 64,
        user_id="u" * 256,
        item_id="i" * 256,
        time=at(int(NOW_S) + MAX_AHEAD_S),
        value=-MAX_VALUE,
        request_id="0123456789abcdefABCDEF0123456789",
        rank=2**32 - 1,
        surface="s" * 64,
    )
    checked = user_event(message, NOW_S)
    assert (checked.event_id, checked.user_id, checked.item_id) == ("é" * 64, "u" * 256, "i" * 256)
    assert (checked.type, checked.time_s, checked.value) == (EventType.CLICK, 1_700_000_300, -MAX_VALUE)
    assert events_pb2.Event.FromString(checked.logged) == message


@pytest.mark.parametrize("kind", EventType)
def test_every_type_of_event_is_taken(kind: EventType) -> None:
    assert user_event(event(type=int(kind)), NOW_S).type is kind


def test_an_event_without_a_time_happens_now_in_the_row_and_in_the_log() -> None:
    checked = user_event(event(), NOW_S)
    assert checked.time_s == int(NOW_S)
    assert events_pb2.Event.FromString(checked.logged).time == at(int(NOW_S), 250_000_000)


def test_an_event_of_long_ago_is_taken() -> None:
    assert user_event(event(time=at(0)), NOW_S).time_s == 0
