"""What is derived from a shard's events: its keys, its records, and the functions in Redis that keep them.

A shard counts the events of its own users, so that applying a batch touches one shard's keys and is one step. Who
wants to know about an item adds up the shards.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from shortlist.core.arrays import F64, Structured
from shortlist.core.keys import digest
from shortlist.core.types import EventType
from shortlist.features.keys import derived_key, stream_key
from shortlist.features.redis_line import Command
from shortlist.features.server_function import ServerLibrary
from shortlist.v1 import events_pb2

GROUP = "features"
"""The consumer group of every stream."""
TYPES = len(EventType)
RATE_HALF_LIFE_S = 3 * 86_400
"""The 50 leading items are 14.5 % of the next day's purchases on the gift-shop log, 10.5 % on the grocery log; with a
day 13.4 and 10.3 %, with a week 14.7 and 10.4 %. Of those that do as well the shortest."""
PAIR_HALF_LIFE_S = 30 * 86_400
LIBRARY = ServerLibrary(Path(__file__).with_name("derive.lua").read_text())

ITEM_DTYPE = np.dtype([("time", "<u4"), ("counts", "<u4", (TYPES,)), ("rates", "<f4", (TYPES,))])
"""An item: events by type, and the same decayed to `time`, that of the newest event."""
PAIR_DTYPE = np.dtype([("time", "<u4"), ("weight", "<f4")])
"""Two items: how often a user touched both close together, decayed to `time`."""
_TYPES = frozenset(map(int, EventType))
_UNREADABLE = b""


@dataclass(frozen=True, slots=True)
class Shard:
    """Names the keys of a shard: the stream, and of what is derived the state, items, pairs and users."""

    number: int

    @property
    def keys(self) -> tuple[str, ...]:
        """All of them, in the order that the functions take."""
        parts = ("state", "items", "pairs", "users")
        return stream_key(self.number), *(derived_key(self.number, part) for part in parts)

    def call(self, function: str, *args: str | bytes | int) -> Command:
        """Write a call of one of the library's functions on this shard."""
        return ("FCALL", f"{LIBRARY.name}_{function}", len(self.keys), *self.keys, GROUP, *args)


def packed(entry: bytes) -> bytes:
    """Pack what the functions need of an entry of a stream, 21 bytes; empty where it is no event."""
    try:
        event = events_pb2.Event.FromString(entry)
    except DecodeError:
        return _UNREADABLE
    time_s = event.time.seconds
    if event.type not in _TYPES or not event.user_id or not event.item_id or not 0 <= time_s < 2**32:
        return _UNREADABLE
    return digest(event.user_id) + digest(event.item_id) + time_s.to_bytes(4, "little") + bytes((event.type,))


def decay(times: Structured, at_s: float, half_life_s: float) -> F64:
    """Compute (n,) factors; what is ahead of the moment, as another host's clock may be, counts in full."""
    factors: F64 = np.exp2(-np.maximum(at_s - times.astype(np.float64), 0.0) / half_life_s)
    return factors
