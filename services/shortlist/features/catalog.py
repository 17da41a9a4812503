"""The live catalogue as a store keeps it: records by item id, one sequence number, and who has applied how much."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shortlist.core.errors import OverloadedError, UnavailableError

GONE = b""
"""The record of an item that was taken off; every other one is a serialised Item, which is never empty."""
LEASE_S = 2.0
"""How long a store counts a server that does not renew its lease, by the store's own clock."""

Records = Mapping[str, bytes]
"""Items by id."""


@dataclass(frozen=True, slots=True)
class Position:
    """A point in the history of a catalogue.

    Args:
        epoch: Of the catalogue; one that was lost and begun anew has another.
        sequence: Changes so far.
    """

    epoch: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What the servers with a live lease have applied.

    Args:
        epoch: Of the catalogue.
        is_young: Younger than a lease: servers may be at work that it does not know of yet.
        applied: The sequence number of each server.
    """

    epoch: bytes
    is_young: bool
    applied: Sequence[int]


class CatalogStore(Protocol):
    """Takes changes, and reads; safe to call from several threads."""

    def change(self, changes: Sequence[Records]) -> list[Position | UnavailableError | OverloadedError]:
        """Make each change in one step and log it, in one round trip; GONE takes an item off.

        What was not acknowledged may have been made all the same, and may be made again.
        """

    def standing(self) -> Standing:
        """Tell who has applied how much; UnavailableError where the store does not answer."""

    def read(self, item_ids: Sequence[str]) -> tuple[Sequence[bytes | None], int]:
        """Read records, None where there never was one, and the sequence number, which they are at least as new as.

        Raises:
            UnavailableError: the store does not answer.
        """

    def close(self) -> None:
        """Close every connection."""


@dataclass(frozen=True, slots=True)
class Logged:
    """What the log holds behind a position.

    Args:
        sequence: Of the last change; that of the position where there is none.
        item_ids: That changed.
        is_whole: No change in between has left the log already.
    """

    sequence: int
    item_ids: Sequence[str]
    is_whole: bool


class CatalogLog(Protocol):
    """Follows the catalogue for one server, on a connection of its own; for one thread.

    Every method raises UnavailableError where the store does not answer.
    """

    def position(self) -> Position:
        """Tell where the catalogue stands."""

    def wait(self, sequence: int, timeout_s: float) -> Logged:
        """Wait for changes behind a sequence number."""

    def read(self, item_ids: Sequence[str]) -> Records:
        """Read the records as they are now, GONE where there is none."""

    def pages(self) -> Iterable[Records]:
        """Read all records, in pages; one that changes meanwhile may come twice."""

    def renew(self, server: str, applied: Position) -> tuple[Position, bool]:
        """Renew a lease and say what the server has applied; where the catalogue stands, and whether there was one."""

    def leave(self, server: str) -> None:
        """Give a server's lease back."""

    def close(self) -> None:
        """Close the connection."""
