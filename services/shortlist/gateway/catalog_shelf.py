"""What can be recommended at a moment: the release as the live catalogue has changed it, never changed itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from shortlist.core.arrays import I32, Bool
from shortlist.core.types import UNKNOWN_ROW
from shortlist.release.bundle import Release
from shortlist.retrieval.filters import Filters
from shortlist.retrieval.kept import Kept


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """A snapshot over R rows; a batch takes one and stays with it.

    Args:
        release: With the vocabulary, attributes and columns of this moment.
        filters: Over these.
        is_gone: (R,) bool, rows that no answer may show: taken off, not to be had, or of no item. (0,): there are none.
        is_deleted: (R,) bool, those of them that were taken off. (0,): there are none.
        arrivals: The items that came after the release and may be shown, searched exactly; None: there are none.
        stand_ins: (R,) int32, by which row of the release its models know each item; None: by its own.
        sequence: Number of the last change.
        version: Counts the snapshots of this process.
    """

    release: Release
    filters: Filters
    is_gone: Bool
    is_deleted: Bool
    arrivals: Kept | None
    stand_ins: I32 | None
    sequence: int
    version: int

    @classmethod
    def of(cls, release: Release, filters: Filters) -> Self:
        """Give the shelf of a release that nothing has changed."""
        nothing = np.zeros(0, np.bool_)
        return cls(release, filters, nothing, nothing, None, None, 0, 0)

    def shown(self, rows: I32) -> I32:
        """Keep those of (n,) rows that may be shown."""
        return rows[~self.is_gone[rows]] if len(self.is_gone) else rows

    def rows_of_candidates(self, item_ids: Sequence[str]) -> I32:
        """Find the rows of a caller's own candidates; row 1 where they are not known, or were taken off."""
        rows = self.release.vocabulary.rows_of_ids(item_ids)
        if len(self.is_deleted):
            rows[self.is_deleted[rows]] = UNKNOWN_ROW
        return rows
