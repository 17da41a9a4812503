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
    """An event that is in the user's row.

    Args:
        row_version: Of the row that holds it.
        is_duplicate: Whether its id had been recorded before: nothing was changed.
    """

    row_version: int
    is_duplicate: bool


class EventStore(Protocol):
    """Records events; safe to call from several threads."""

    def record(self, events: Sequence[UserEvent]) -> Sequence[Recorded | UnavailableError]:
        """Record events in one round trip; those of a user in their order.

        Returns:
            What became of each: it is in its user's row and in the stream, or the store did not say so.
        """
