"""The vocabulary of the hot path: batches of histories, candidates and slates as arrays, requests as records.

Item rows are positions in the release's arrays: row 0 is padding, row 1 is an item that the release does not know,
items follow.
"""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from shortlist.core.arrays import F32, I32

PADDING_ROW = 0
UNKNOWN_ROW = 1
FIRST_ITEM_ROW = 2


class EventType(IntEnum):
    """What a user did; the numbers are those of the protobuf enum and of stored user rows."""

    IMPRESSION = 1
    VIEW = 2
    CLICK = 3
    CART = 4
    PURCHASE = 5
    HIDE = 6


class Degraded(IntEnum):
    """A step of the ladder of degradation; the numbers are those of the protobuf enum."""

    FEWER_CANDIDATES = 1
    STALE_FEATURES = 2
    FEATURES_UNAVAILABLE = 3
    RANKER_UNAVAILABLE = 4
    RETRIEVAL_UNAVAILABLE = 5
    STALE_CATALOGUE = 6


@dataclass(frozen=True, slots=True)
class PriceRange:
    """A closed range in the catalogue's currency."""

    low: float = 0.0
    high: float = float("inf")


@dataclass(frozen=True, slots=True)
class Filter:
    """What may appear in the answer; conditions are combined with AND.

    `exclude_seen` None means: as the release says.
    """

    include_categories: tuple[str, ...] = ()
    exclude_categories: tuple[str, ...] = ()
    exclude_item_ids: tuple[str, ...] = ()
    exclude_seen: bool | None = None
    price: PriceRange | None = None

    @property
    def restricts_catalogue(self) -> bool:
        """Whether it keeps a part of the catalogue rather than dropping named items."""
        return bool(self.include_categories or self.exclude_categories or self.price)


@dataclass(frozen=True, slots=True)
class Query:
    """One request in core terms, checked.

    `candidate_ids` set means: rank these instead of retrieving. `diversity` goes from 0, by score, to 1, by novelty.
    `shown` holds the keys of the items on the pages before, 8 bytes each, little-endian: they are excluded.
    """

    user_id: str
    limit: int
    filter: Filter = field(default_factory=Filter)
    session_item_ids: tuple[str, ...] = ()
    candidate_ids: tuple[str, ...] | None = None
    at_s: float | None = None
    min_row_version: int = 0
    explain: bool = False
    diversity: float = 0.0
    shown: bytes = b""


@dataclass(frozen=True, slots=True)
class SimilarQuery:
    """A request for the items nearest to one item, checked."""

    item_id: str
    limit: int
    filter: Filter = field(default_factory=Filter)


@dataclass(frozen=True, slots=True)
class History:
    """The histories of a batch of users, newest event first; row 0 pads the end.

    Args:
        rows: (B, H) int32, item rows.
        types: (B, H) int32, `EventType`, 0 where padded.
        ages: (B, H) float32, days from the event to now, 0 or more.
    """

    rows: I32
    types: I32
    ages: F32

    def newest(self, length: int) -> "History":
        """View the newest `length` events of each user."""
        return History(self.rows[:, :length], self.types[:, :length], self.ages[:, :length])

    @classmethod
    def empty(cls, users: int, length: int) -> "History":
        """Make the histories of users of whom nothing is known."""
        shape = (users, length)
        return cls(np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.float32))


@dataclass(frozen=True, slots=True)
class SourceList:
    """What one source proposes for a batch, best first; row 0 pads.

    Args:
        rows: (B, M) int32.
        scores: (B, M) float32, the source's own scale.
        quotas: (B,) int32, the most that each request takes of it once exclusions are dropped; None: all of it.
    """

    rows: I32
    scores: F32
    quotas: I32 | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """The merged proposals of S sources, in retrieval order; row 0 pads the end.

    Args:
        rows: (B, N) int32.
        scores: (B, N, S) float32, the source's score, 0 where it did not propose the item.
        ranks: (B, N, S) int32, place in the source's list from 1, 0 where it did not propose the item.
    """

    rows: I32
    scores: F32
    ranks: I32
