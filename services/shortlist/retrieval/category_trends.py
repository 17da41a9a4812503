"""What is trending in the categories that a user's newest events are about."""

from typing import Self

import numpy as np

from shortlist.core.arrays import F32, I32
from shortlist.core.compiled import F32 as FLOAT
from shortlist.core.compiled import I32 as INT
from shortlist.core.compiled import compiled, filled, given
from shortlist.core.types import PADDING_ROW, EventType, SourceList
from shortlist.retrieval.port import Retrieval

LENGTH = 32
"""Items listed of a category."""
CATEGORIES = 3
"""Categories of a user."""
HISTORY = 64
"""Events that say which these are."""
_HIDE = int(EventType.HIDE)


class CategoryTrends:
    """Proposes the trending items of the categories that occur most in a user's newest events.

    Args:
        name: Its name.
        category_of: (R,) int32, the number of each item's category; 0: none.
        rows: (C, K) int32, items of each category, best first; 0 pads.
        scores: (C, K) float32, each item's share of its category, above 0, falling.
        quota: Most items proposed.
    """

    def __init__(self, name: str, category_of: I32, rows: I32, scores: F32, quota: int) -> None:
        self.name = name
        self._category_of, self._rows, self._scores, self._quota = category_of, rows, scores, quota

    @classmethod
    def of(cls, name: str, category_of: I32, categories: int, rows: I32, scores: F32, quota: int) -> Self:
        """List each category's items out of one list of all; see the class.

        A category's rate adds up those of its items; an item's share is of that and of the mean category's, so that one
        event where little happens makes no trend.

        Args:
            name: Its name.
            category_of: (R,) int32.
            categories: How many there are, 0 included.
            rows: (n,) int32, items, best first.
            scores: (n,) float32, the items' decayed rates, above 0.
            quota: Most items proposed.
        """
        order = np.argsort(category_of[rows], kind="stable")
        own = category_of[rows[order]]
        place = np.arange(len(own)) - np.searchsorted(own, own)
        is_listed = (place < LENGTH) & (own > 0)
        at = (own[is_listed], place[is_listed])
        listed, scored = np.zeros((categories, LENGTH), np.int32), np.zeros((categories, LENGTH), np.float32)
        rates = np.bincount(category_of[rows], scores, categories)[1:]
        smoothing = rates.sum() / max(np.count_nonzero(rates), 1)
        listed[at] = rows[order[is_listed]]
        scored[at] = scores[order[is_listed]] / (rates[at[0] - 1] + smoothing)
        return cls(name, category_of, listed, scored, quota)

    def propose(self, retrieval: Retrieval) -> SourceList:
        """List the items of each request's three categories, by their shares of it times its share of events."""
        history = retrieval.history.newest(HISTORY)
        shape = (len(history.rows), CATEGORIES * self._rows.shape[1])
        listed, scores = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
        rows, types = np.ascontiguousarray(history.rows), np.ascontiguousarray(history.types)
        _propose(rows, types, self._category_of, self._rows, self._scores, listed, scores)
        for request, kept in enumerate(retrieval.kept):
            if kept is not None:
                listed[request, ~kept.mask[listed[request]]] = PADDING_ROW
        return SourceList(listed, scores, retrieval.quotas(self._quota))


@compiled(given(INT, 1), given(INT, 1), filled(INT, 1))
def _most_frequent(history: I32, category_of: I32, counts: I32) -> int:
    """Find the category with the largest count, of two the one with the newer event; 0 where none is counted."""
    best = 0
    for row in history:
        if counts[category_of[row]] > counts[best]:
            best = category_of[row]
    return best


@compiled(given(INT, 2), given(INT, 2), given(INT, 1), given(INT, 2), given(FLOAT, 2), filled(INT, 2), filled(FLOAT, 2))
def _propose(history: I32, types: I32, category_of: I32, rows: I32, scores: F32, listed: I32, strengths: F32) -> None:
    """Fill (B, 3 K) zeros: for each request the lists of its categories, merged."""
    counts = np.zeros(len(rows), np.int32)
    found = np.zeros(listed.shape[1], np.int32)
    weights = np.zeros(listed.shape[1], np.float32)
    for request in range(len(history)):
        counts[:] = 0
        for event, row in enumerate(history[request]):
            if types[request, event] != _HIDE:
                counts[category_of[row]] += 1
        counts[0] = 0
        total, count = counts.sum(), 0
        for _ in range(CATEGORIES):
            category = _most_frequent(history[request], category_of, counts)
            share = np.float32(counts[category] / max(total, 1))
            counts[category] = 0
            for row, score in zip(rows[category], scores[category]):  # noqa: B905  # Numba knows no strict
                if row != PADDING_ROW:
                    found[count], weights[count] = row, share * score
                    count += 1
        order = np.argsort(-weights[:count], kind="mergesort")
        listed[request, :count] = found[order]
        strengths[request, :count] = weights[order]
