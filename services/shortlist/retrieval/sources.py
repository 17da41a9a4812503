"""The sources of candidates: query tower with index, items like those touched, and what is popular."""

from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import F16, F32, I32, I64
from shortlist.core.types import FIRST_ITEM_ROW, PADDING_ROW, SourceList
from shortlist.release.bundle import ItemArrays
from shortlist.retrieval.grouping import best_first, group, is_excluded
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.port import ItemIndex, Retrieval, Source
from shortlist.retrieval.tower import QueryTower

NEIGHBOUR_HALF_LIFE_DAYS = 240.0
"""How fast an event's vote for its neighbours fades; 240 days gained 7.7 % NDCG@10 on the gift-shop log."""
TOWER_QUOTA, NEIGHBOURS_QUOTA, POPULAR_QUOTA = 120, 100, 60
"""No settings: a release's ranker was trained on lists of these lengths."""
_SPARE = 64
"""How many excluded items the first search allows for: enough for 99 of 100 users of the grocery log, who exclude 190
at the median. A longer list costs as much as the scan: of 17,000 items 161 µs for 184, 248 µs for 376."""


class TowerSource:
    """Proposes the items nearest to the user's query embedding."""

    name = "tower"

    def __init__(self, tower: QueryTower, index: ItemIndex, quota: int) -> None:
        self._tower, self._index, self._quota = tower, index, quota

    def propose(self, retrieval: Retrieval) -> SourceList:
        """Embed all users and search the index once for each filter, the lack of one included.

        A request whose exclusions leave it too little of the first search has a second one, as wide as it may need.
        """
        queries = retrieval.queries(self._tower)
        quotas = retrieval.quotas(self._quota)
        spare = retrieval.spare(self._quota)
        widest = self._quota + spare + retrieval.excluded_at_most
        groups = {kept: np.array(places) for kept, places in retrieval.by_filter().items()}
        found = {
            kept: self._search(queries[places], kept, widest, _SPARE + spare, retrieval.excluded[places])
            for kept, places in groups.items()
        }
        width = max(int(quotas.max(initial=0)), *(lists.rows.shape[1] for lists in found.values()))
        shape = (len(queries), width)
        listed = SourceList(np.zeros(shape, np.int32), np.zeros(shape, np.float32), quotas)
        for kept, places in groups.items():
            _put(listed, places, found[kept])
        return listed

    def _search(self, queries: F32, kept: Kept | None, widest: int, spare: int, excluded: I32) -> SourceList:
        """Search for requests with one filter."""
        if kept is not None:
            return self._index.search(queries, kept.count if kept.is_exhaustive else min(widest, kept.count), kept)
        found = self._index.search(queries, min(widest, self._quota + spare, len(self._index)))
        short = self._short(found.rows, excluded)
        if not len(short):
            return found
        second = self._index.search(queries[short], min(widest, len(self._index)))
        shape = (len(queries), max(found.rows.shape[1], second.rows.shape[1]))
        listed = SourceList(np.zeros(shape, np.int32), np.zeros(shape, np.float32))
        _put(listed, slice(None), found)
        _put(listed, short, second)
        return listed

    def _short(self, rows: I32, excluded: I32) -> I64:
        """Find the requests that exclusions leave less than the quota of a search that did not end at the index."""
        if excluded.shape[1] <= _SPARE or rows.shape[1] == len(self._index):
            return np.zeros(0, np.int64)
        left = np.count_nonzero(~is_excluded(rows, excluded), axis=1)
        return np.flatnonzero(left < self._quota)


class NeighbourSource:
    """Proposes what the items that this user touched vote for; newer touches count more.

    Args:
        name: Its name.
        neighbour_rows: (R, K) int32, for whom each item votes, 0 pads.
        neighbour_weights: (R, K) float16, how much.
        quota: Most items proposed.
        history_length: How many of the newest events vote.
    """

    def __init__(
        self, name: str, neighbour_rows: I32, neighbour_weights: F16, quota: int, history_length: int = 64
    ) -> None:
        self.name = name
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
        inside = place_of < (quotas + retrieval.spare(self._quota) + retrieval.excluded_at_most)[request[order]]
        order, place_of = order[inside], place_of[inside]
        width = int(place_of.max(initial=-1)) + 1
        listed = SourceList(np.zeros((users, width), np.int32), np.zeros((users, width), np.float32), quotas)
        at = (request[order], place_of)
        listed.rows[at], listed.scores[at] = row[order], sums[order]
        return listed


class PopularSource:
    """Proposes popular items, the same for everyone; those of the release, unless it has another name."""

    name = "popular"

    def __init__(self, popular: I32, quota: int, name: str = name) -> None:
        self.name = name
        self._popular, self._quota = popular, quota

    def propose(self, retrieval: Retrieval) -> SourceList:
        """Repeat the head of the popular list for each request; filtered requests get its kept part."""
        quotas = retrieval.quotas(self._quota)
        longest = int(quotas.max(initial=0)) + retrieval.spare(self._quota) + retrieval.excluded_at_most
        width = min(longest, len(self._popular))
        rows = np.tile(self._popular[:width], (len(retrieval.kept), 1))
        for place, kept in enumerate(retrieval.kept):
            if kept is not None:
                listed = self._popular[kept.mask[self._popular]][:width]
                rows[place] = PADDING_ROW
                rows[place, : len(listed)] = listed
        # Falls from 1 with the rank: the list has an order but no scale.
        falling = (1.0 / np.arange(1, width + 1)).astype(np.float32)
        return SourceList(rows, np.where(rows >= FIRST_ITEM_ROW, falling, np.float32(0.0)), quotas)


def source_names(lists: Sequence[str]) -> tuple[str, ...]:
    """Name the sources of a release with these neighbour lists, in the order of its schema."""
    return (TowerSource.name, *lists, PopularSource.name)


def served_sources(items: ItemArrays, names: Sequence[str], tower: QueryTower, index: ItemIndex) -> tuple[Source, ...]:
    """Make the sources that a release names; training and measuring use the same."""
    lists = zip(names[1:-1], items.neighbour_rows, items.neighbour_weights, strict=True)
    return (
        TowerSource(tower, index, TOWER_QUOTA),
        *(NeighbourSource(name, rows, weights, NEIGHBOURS_QUOTA) for name, rows, weights in lists),
        PopularSource(items.popular, POPULAR_QUOTA),
    )


def _put(listed: SourceList, places: slice | I64, found: SourceList) -> None:
    """Replace the lists of some requests."""
    for target, source in ((listed.rows, found.rows), (listed.scores, found.scores)):
        target[places] = 0
        target[places, : source.shape[-1]] = source
