"""Events as the store takes them: checked, and packed for the function that folds them into user rows."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from shortlist.core.errors import UnavailableError
from shortlist.core.keys import digest
from shortlist.core.types import EventType

MAX_VALUE = float(np.finfo(np.float32).max)
_IN_A_ROW = struct.Struct("<8sIfB")  # as EVENT_DTYPE of row.py


@dataclass(frozen=True, slots=True)
class UserEvent:
    """Something that a user did, checked.

    Args:
        event_id: Unique per event.
        user_id: Who did it.
        item_id: To which item; the catalogue need not know it.
        type: What it was.
        time_s: Seconds since 1970, below 2**32.
        value: Finite in 32 bits.
        logged: What the stream keeps of it: a serialised `shortlist.v1.Event`.
    """

    event_id: str
    user_id: str
    item_id: str
    type: EventType
    time_s: int
    value: float
    logged: bytes

    def packed(self) -> bytes:
        """Pack the hash of its id, 8 bytes, and what a row holds of it, 17 bytes."""
        return digest(self.event_id) + _IN_A_ROW.pack(digest(self.item_id), self.time_s, self.value, self.type)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event that the store has: in the stream, and in the user's row unless it is an impression.

    Args:
        row_version: Of the user's row with it; 0 where there is no row, as before a user's first event but impressions.
        is_duplicate: Whether its id had been recorded before: nothing was changed.
    """

    row_version: int
    is_duplicate: bool


class EventStore(Protocol):
    """Records events; safe to call from several threads."""

    def record(self, events: Sequence[UserEvent]) -> Sequence[Recorded | UnavailableError]:
        """Record events in one round trip; those of a user in their order.

        Returns:
            What became of each: the store has it, or did not say so.
        """
