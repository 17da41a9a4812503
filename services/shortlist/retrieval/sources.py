"""The sources of candidates: query tower with index, items like those touched, and what is popular."""

import numpy as np

from shortlist.core.arrays import F16, I32, AnyArray
from shortlist.core.types import FIRST_ITEM_ROW, PADDING_ROW, SourceList
from shortlist.release.bundle import ItemArrays
from shortlist.retrieval.grouping import best_first, group
from shortlist.retrieval.port import ItemIndex, Retrieval, Source
from shortlist.retrieval.tower import QueryTower

NEIGHBOUR_HALF_LIFE_DAYS = 240.0
"""How fast an event's vote for its neighbours fades; 240 days gained 7.7 % NDCG@10 on the gift-shop log."""
TOWER_QUOTA, NEIGHBOURS_QUOTA, POPULAR_QUOTA = 120, 200, 60
"""No settings: a release's ranker was trained on lists of these lengths."""
_K_STEP = 64


class TowerSource:
    """Proposes the items nearest to the user's query embedding."""

    name = "tower"

    def __init__(self, tower: QueryTower, index: ItemIndex, quota: int) -> None:
        self._tower, self._index, self._quota = tower, index, quota

    def propose(self, retrieval: Retrieval) -> SourceList:
        """Embed all users and search the index once; filtered requests search what is kept, exactly."""
        queries = self._tower.embed(retrieval.history, retrieval.user_dense)
        quotas = retrieval.quotas(self._quota)
        # Rounded, so that FAISS sees few different sizes.
        extra = -(-retrieval.excluded_at_most // _K_STEP) * _K_STEP
        found = self._index.search(queries, min(self._quota + extra, len(self._index)))
        listed = SourceList(_widened(found.rows, quotas), _widened(found.scores, quotas), quotas)
        for place, kept in enumerate(retrieval.kept):
            if kept is not None:
                exact = kept.search(queries[place], listed.rows.shape[1])
                listed.rows[place], listed.scores[place] = PADDING_ROW, 0.0
                listed.rows[place, : len(exact.rows)] = exact.rows
                listed.scores[place, : len(exact.rows)] = exact.scores
        return listed


class NeighbourSource:
    """Proposes what was bought by the users who bought what this user touched; newer touches count more."""

    name = "neighbours"

    def __init__(self, neighbour_rows: I32, neighbour_weights: F16, quota: int, history_length: int = 64) -> None:
        self._rows, self._weights = neighbour_rows, neighbour_weights
        self._quota, self._length = quota, history_length

    def propose(self, retrieval: Retrieval) -> SourceList:
        """Add up the votes of the newest events: similarity times 2^(-age / 240 days)."""
        history = retrieval.history.newest(self._length)
        users, stride = history.rows.shape[0], len(self._rows)
        votes = np.exp2(-history.ages / NEIGHBOUR_HALF_LIFE_DAYS)
        rows = self._rows[history.rows].reshape(users, -1)
        weights = (self._weights[history.rows] * votes[:, :, None]).reshape(users, -1)
        for place, kept in enumerate(retrieval.kept):
            if kept is not None:
                rows[place, ~kept.mask[rows[place]]] = PADDING_ROW
        held = rows != PADDING_ROW
        places = (rows + (np.arange(users) * stride)[:, None])[held]
        number, first = group(places, users * stride)
        sums = np.bincount(number, weights[held]).astype(np.float32)
        request, row = np.divmod(places[first], stride)
        order, place_of = best_first(request, sums, users)
        quotas = retrieval.quotas(self._quota)
        inside = place_of < (quotas + retrieval.excluded_at_most)[request[order]]
        order, place_of = order[inside], place_of[inside]
        width = int(place_of.max(initial=-1)) + 1
        listed = SourceList(np.zeros((users, width), np.int32), np.zeros((users, width), np.float32), quotas)
        at = (request[order], place_of)
        listed.rows[at], listed.scores[at] = row[order], sums[order]
        return listed


class PopularSource:
    """Proposes the release's popular items, the same for everyone."""

    name = "popular"

    def __init__(self, popular: I32, quota: int) -> None:
        self._popular, self._quota = popular, quota

    def propose(self, retrieval: Retrieval) -> SourceList:
        """Repeat the head of the popular list for each request; filtered requests get its kept part."""
        quotas = retrieval.quotas(self._quota)
        width = min(int(quotas.max(initial=0)) + retrieval.excluded_at_most, len(self._popular))
        rows = np.tile(self._popular[:width], (len(retrieval.kept), 1))
        for place, kept in enumerate(retrieval.kept):
            if kept is not None:
                listed = self._popular[kept.mask[self._popular]][:width]
                rows[place] = PADDING_ROW
                rows[place, : len(listed)] = listed
        # Falls from 1 with the rank: the list has an order but no scale.
        falling = (1.0 / np.arange(1, width + 1)).astype(np.float32)
        return SourceList(rows, np.where(rows >= FIRST_ITEM_ROW, falling, np.float32(0.0)), quotas)


def served_sources(items: ItemArrays, tower: QueryTower, index: ItemIndex) -> tuple[Source, ...]:
    """Make the sources of a release, in the order of its schema; training and measuring use the same."""
    return (
        TowerSource(tower, index, TOWER_QUOTA),
        NeighbourSource(items.neighbour_rows, items.neighbour_weights, NEIGHBOURS_QUOTA),
        PopularSource(items.popular, POPULAR_QUOTA),
    )


def _widened(array: AnyArray, quotas: I32) -> AnyArray:
    """Pad a list on the right where a request has room for more than the index was asked for."""
    missing = int(quotas.max(initial=0)) - array.shape[1]
    return array if missing <= 0 else np.pad(array, ((0, 0), (0, missing)))
