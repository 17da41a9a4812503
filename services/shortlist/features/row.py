"""The user row: one packed value per user, raw and independent of any release.

Layout, little-endian: a header (magic, codec version, event and counter counts, row version, the newest event's
time), then the events newest first, then the counters as float32 with the time they were last decayed to. Models
never see it: a release maps its item keys to rows of its own and computes ages from now.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from shortlist.core.arrays import F32, Structured
from shortlist.core.types import EventType

MAX_EVENTS = 256
"""Events kept in a row; the oldest leave first. At 17 bytes each a full row is 4.4 KB."""

EVENT_DTYPE = np.dtype([("key", "<u8"), ("time", "<u4"), ("value", "<f4"), ("type", "u1")])
COUNTERS = ("events_30d", "value_30d")
"""Decayed with a half-life of 30 days to `counters_time`; what they hold beyond the kept events is their use."""

_HEADER = np.dtype(
    [
        ("magic", "S2"),
        ("codec", "u1"),
        ("counters", "u1"),
        ("events", "<u2"),
        ("pad", "<u2"),
        ("version", "<u8"),
        ("event_time", "<u4"),
        ("counters_time", "<u4"),
    ]
)
_MAGIC, _CODEC = b"UR", 1
_TYPES = frozenset(map(int, EventType))


class RowFormatError(ValueError):
    """The bytes are not a user row that this codec reads."""


def _no_events() -> Structured:
    return np.zeros(0, EVENT_DTYPE)


def _no_counters() -> F32:
    return np.zeros(len(COUNTERS), np.float32)


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user's stored state.

    Args:
        events: (E,) `EVENT_DTYPE`, newest first, E <= 256; a view of the bytes it was read from.
        version: Counts the changes of the row, from 1.
        counters: (len(COUNTERS),) float32.
        counters_time: Seconds since 1970 that the counters were last decayed to.
    """

    events: Structured = field(default_factory=_no_events)
    version: int = 1
    counters: F32 = field(default_factory=_no_counters)
    counters_time: int = 0

    @property
    def event_time(self) -> int:
        """Time of the newest event, seconds since 1970; 0 without events."""
        return int(self.events["time"][0]) if len(self.events) else 0

    def encode(self) -> bytes:
        """Pack the row, keeping its newest 256 events."""
        events = self.events[:MAX_EVENTS]
        header = np.zeros((), _HEADER)
        header["magic"], header["codec"] = _MAGIC, _CODEC
        header["counters"], header["events"] = len(self.counters), len(events)
        header["version"], header["event_time"] = self.version, self.event_time
        header["counters_time"] = self.counters_time
        return header.tobytes() + events.tobytes() + self.counters.astype("<f4").tobytes()

    @classmethod
    def decode(cls, value: bytes) -> "UserRow":
        """Unpack a row without copying its events.

        Raises:
            RowFormatError: truncated, of another codec, or not ours.
        """
        if len(value) < _HEADER.itemsize:
            raise RowFormatError("shorter than a header")
        header = np.frombuffer(value, _HEADER, 1)[0]
        if header["magic"] != _MAGIC or header["codec"] != _CODEC:
            raise RowFormatError("not a user row of this codec")
        events, counters = int(header["events"]), int(header["counters"])
        counters_at = _HEADER.itemsize + events * EVENT_DTYPE.itemsize
        if len(value) != counters_at + counters * 4 or events > MAX_EVENTS or counters != len(COUNTERS):
            raise RowFormatError("its length is not what its header says")
        row = cls(
            np.frombuffer(value, EVENT_DTYPE, events, _HEADER.itemsize),
            int(header["version"]),
            np.frombuffer(value, "<f4", counters, counters_at),
            int(header["counters_time"]),
        )
        # The models have no place for another type or for a NaN: one such row would fail its whole batch.
        if not _TYPES.issuperset(row.events["type"].tobytes()):
            raise RowFormatError("an event of a type that there is not")
        if not math.isfinite(sum(row.counters.tolist())):
            raise RowFormatError("a counter that is not finite")
        return row
