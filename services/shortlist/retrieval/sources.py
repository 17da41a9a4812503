"""The sources of candidates: query tower with index, items like those touched, and what is popular."""

import numpy as np

from shortlist.core.arrays import F16, F32, I32, I64
from shortlist.core.types import FIRST_ITEM_ROW, SourceList
from shortlist.retrieval.merge import best_first, group_by_row
from shortlist.retrieval.port import ItemIndex, Retrieval
from shortlist.retrieval.tower import QueryTower

NEIGHBOUR_HALF_LIFE_DAYS = 240.0
"""How fast an event's vote for its neighbours fades; 240 days gained 7.7 % NDCG@10 on the gift-shop log."""
_K_STEP = 64


class TowerSource:
    """Proposes the items nearest to the user's query embedding."""

    name = "tower"

    def __init__(self, tower: QueryTower, index: ItemIndex, quota: int) -> None:
        self._tower, self._index, self._quota = tower, index, quota

    def propose(self, retrieval: Retrieval) -> SourceList:
        """Embed all users and search the index once; filtered requests search what is kept, exactly."""
        queries = self._tower.embed(retrieval.history, retrieval.user_dense)
        extra = -(-retrieval.excluded_at_most // _K_STEP) * _K_STEP
        k = min(self._quota + extra, len(self._index))
        found = self._index.search(queries, k)
        for place, kept in enumerate(retrieval.kept):
            if kept is not None:
                exact = kept.search(queries[place], k)
                found.rows[place], found.scores[place] = 0, 0.0
                found.rows[place, : len(exact.rows)] = exact.rows
                found.scores[place, : len(exact.rows)] = exact.scores
        return found


class NeighbourSource:
    """Proposes what was bought by the users who bought what this user touched; newer touches count more."""

    name = "neighbours"

    def __init__(self, neighbour_rows: I32, neighbour_weights: F16, quota: int, history_length: int = 64) -> None:
        self._rows, self._weights = neighbour_rows, neighbour_weights
        self._quota, self._length = quota, history_length

    def propose(self, retrieval: Retrieval) -> SourceList:
        """Add up the votes of the newest events: similarity times 2^(-age / 240 days)."""
        history = retrieval.history.newest(self._length)
        users = len(history.rows)
        votes = np.exp2(-history.ages / NEIGHBOUR_HALF_LIFE_DAYS)
        rows = self._rows[history.rows].reshape(users, -1)
        weights = (self._weights[history.rows].astype(np.float32) * votes[:, :, None]).reshape(users, -1)
        for place, kept in enumerate(retrieval.kept):
            if kept is not None:
                rows[place, ~kept.mask[rows[place]]] = 0
        width = rows.shape[1]
        request, row, position, starts = group_by_row(rows)
        begins = np.flatnonzero(starts)
        ordered = weights.ravel()[request * width + position]
        sums = np.add.reduceat(ordered, begins) if len(begins) else np.zeros(0, np.float32)
        return _listed(
            request[begins],
            row[begins].astype(np.int32),
            sums,
            users,
            self._quota + retrieval.excluded_at_most,
        )


class PopularSource:
    """Proposes the release's popular items, the same for everyone."""

    name = "popular"

    def __init__(self, popular: I32, quota: int) -> None:
        self._popular, self._quota = popular, quota

    def propose(self, retrieval: Retrieval) -> SourceList:
        """Repeat the head of the popular list for each request; filtered requests get its kept part."""
        width = min(self._quota + retrieval.excluded_at_most, len(self._popular))
        rows = np.tile(self._popular[:width], (len(retrieval.kept), 1))
        for place, kept in enumerate(retrieval.kept):
            if kept is not None:
                listed = self._popular[kept.mask[self._popular]][:width]
                rows[place] = 0
                rows[place, : len(listed)] = listed
        # Falls from 1 with the rank: the list has an order but no scale.
        scores = np.tile((1.0 / np.arange(1, width + 1)).astype(np.float32), (len(rows), 1))
        return SourceList(rows, np.where(rows >= FIRST_ITEM_ROW, scores, np.float32(0.0)))


def _listed(request: I64, row: I32, scores: F32, users: int, quota: int) -> SourceList:
    order, place = best_first(request, scores, users)
    inside = place < quota
    order, place = order[inside], place[inside]
    width = int(place.max(initial=-1)) + 1
    listed = SourceList(np.zeros((users, width), np.int32), np.zeros((users, width), np.float32))
    at = (request[order], place)
    listed.rows[at], listed.scores[at] = row[order], scores[order]
    return listed
