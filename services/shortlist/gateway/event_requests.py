"""Protobuf events to events of the store: every field is checked here, and an error names it.

Limits are those that the proto file states. An event that fails a check is rejected alone; nothing is repaired.
"""

import re

from google.protobuf.timestamp_pb2 import Timestamp

from shortlist.core.errors import InvalidRequestError
from shortlist.core.types import EventType
from shortlist.features.events import MAX_VALUE, UserEvent
from shortlist.gateway.requests import MAX_NAME_BYTES, check_size, checked_id
from shortlist.v1 import events_pb2

MAX_EVENTS = 1000
MAX_EVENT_ID_BYTES = 128
MAX_AHEAD_S = 300
"""How far a caller's clock may be ahead of ours."""
_END_S = 2**32
_NANOSECONDS = 10**9
_TYPES = {int(kind): kind for kind in EventType}
_REQUEST_ID = re.compile(r"([0-9a-fA-F]{32})?")


def user_event(message: events_pb2.Event, now_s: float) -> UserEvent:
    """Check an Event at a moment, in seconds since 1970, which an event without a time is given."""
    check_size("event_id", message.event_id, 1, MAX_EVENT_ID_BYTES)
    checked_id("user_id", message.user_id)
    checked_id("item_id", message.item_id)
    kind = _TYPES.get(message.type)
    if kind is None:
        raise InvalidRequestError("type", f"{message.type} is no type of event")
    if not message.HasField("time"):
        message.time.seconds, message.time.nanos = int(now_s), int(now_s % 1 * _NANOSECONDS)
    _check_time(message.time, now_s)
    if not abs(message.value) <= MAX_VALUE:  # also refuses NaN
        raise InvalidRequestError("value", f"must be finite in 32 bits, got {message.value}")
    if not _REQUEST_ID.fullmatch(message.request_id):
        raise InvalidRequestError("request_id", "must be empty or have 32 hexadecimal digits")
    check_size("surface", message.surface, 0, MAX_NAME_BYTES)
    return UserEvent(
        message.event_id,
        message.user_id,
        message.item_id,
        kind,
        message.time.seconds,
        message.value,
        message.SerializeToString(),
    )


def _check_time(time: Timestamp, now_s: float) -> None:
    if not (0 <= time.seconds < _END_S and 0 <= time.nanos < _NANOSECONDS):
        raise InvalidRequestError("time", "must lie between 1970 and 2106")
    ahead_s = time.seconds + time.nanos / _NANOSECONDS - now_s
    if ahead_s > MAX_AHEAD_S:
        raise InvalidRequestError(
            "time", f"is {ahead_s:.0f} s ahead of the server's clock; at most {MAX_AHEAD_S} s are taken"
        )
