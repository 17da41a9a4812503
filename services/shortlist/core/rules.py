"""Rules over the rows of one release, as arrays: what re-ranking reads of them, and which of them moved an item."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import F32, I32, Bool


@dataclass(frozen=True, slots=True)
class Move:
    """What one rule does to single items.

    Args:
        rule: Its name.
        rows: (n,) int32, the items that it moves.
        needs_scores: It moves nothing where nobody ranked.
        place: Where it pins its item, from 0; -1: it pins none.
    """

    rule: str
    rows: I32
    needs_scores: bool = False
    place: int = -1


@dataclass(frozen=True, slots=True)
class RowRules:
    """Rules over a release of R rows; row 0 obeys none.

    Args:
        log_odds: (R,) float32, what is added to an item's score.
        is_buried: (R,) bool, whether an item stands after all others.
        places: (R,) int32, where an item is pinned, from 0; -1: nowhere.
        pinned: (P,) int32, the rows that are pinned.
        groups: (R, C) int32, for each of C caps the group in which an item counts, from 1; 0: in none.
        most: (C,) int32, the most items of one group in a slate.
        group_count: Above the number of every group.
        moves: The rules that move single items, for explanations.
    """

    log_odds: F32
    is_buried: Bool
    places: I32
    pinned: I32
    groups: I32
    most: I32
    group_count: int
    moves: Sequence[Move]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is ruled."""
        return not self.moves and not len(self.most)

    def moved_by(self, rows: I32, limit: int, *, has_scores: bool) -> list[tuple[str, ...]]:
        """Name the rules that moved each item of a slate.

        Args:
            rows: (n,) int32, the items.
            limit: Items that the request asked for; a pin beyond does not hold.
            has_scores: Whether somebody ranked.

        Returns:
            Names for each item, in the order of the file.
        """
        names: list[list[str]] = [[] for _ in rows]
        for move in self.moves:
            if move.place >= limit or (move.needs_scores and not has_scores):
                continue
            for place in np.flatnonzero(np.isin(rows, move.rows)).tolist():
                names[place].append(move.rule)
        return [tuple(found) for found in names]


NO_RULES = RowRules(
    log_odds=np.zeros(1, np.float32),
    is_buried=np.zeros(1, np.bool_),
    places=np.full(1, -1, np.int32),
    pinned=np.zeros(0, np.int32),
    groups=np.zeros((1, 0), np.int32),
    most=np.zeros(0, np.int32),
    group_count=1,
    moves=(),
)
"""Over no release: it has row 0 alone."""


def no_rules() -> RowRules:
    """Give the rules of a gateway that has none."""
    return NO_RULES
