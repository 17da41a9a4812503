"""Live sources: what the consumers of events publish, over the rows of the release that is served.

One thread asks for new lists every second; requests use what is there.
"""

from collections.abc import Callable

import numpy as np

from shortlist.core.arrays import I32
from shortlist.core.errors import UnavailableError
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.features.covisits import NEIGHBOURS, CoVisits
from shortlist.features.live_lists import LiveListStore
from shortlist.features.trending import Trending
from shortlist.release.bundle import Release
from shortlist.retrieval.category_trends import CategoryTrends
from shortlist.retrieval.live import LiveSource
from shortlist.retrieval.sources import NeighbourSource, PopularSource

CO_VISITS, TRENDING, TRENDING_IN_CATEGORIES = LIVE_SOURCES = ("co_visits", "trending", "trending_in_categories")
"""In answers they follow the sources of the release's schema; its ranker does not know them."""
CO_VISITS_QUOTA, TRENDING_QUOTA, CATEGORIES_QUOTA = 40, 20, 30
INTERVAL_S = 1.0
_TOUCHED = 16
"""Newest events whose co-visits are proposed."""


class LiveSources:
    """Holds the live sources, and puts new lists into them.

    Args:
        release: What is served.
        store: Where lists are published.
        make: Makes a source of a name.
    """

    def __init__(self, release: Release, store: LiveListStore, make: Callable[[str], LiveSource] = LiveSource) -> None:
        self._release, self._store = release, store
        self._known: bytes | None = None
        self.all = tuple(map(make, LIVE_SOURCES))
        self._co_visits, self._trending, self._in_categories = self.all
        levels = release.catalogue.categories
        self._category_of: I32 = np.zeros(len(levels), np.int32)
        for level in levels.T:  # the most special one that an item has
            np.copyto(self._category_of, level, where=level > 0)

    def look(self) -> float:
        """Take new lists, where there are any; give the seconds until the next look.

        Raises:
            UnavailableError: the store did not answer, or what is published are no lists.
        """
        try:
            lists = self._store.read(self._known)
        except LookupError:
            self._known = None
            for source in self.all:
                source.put(None)
            return INTERVAL_S
        if lists is not None:
            self._known = lists.version
            self._put_trending(lists.trending)
            self._co_visits.put(self._neighbours(lists.covisits))
        return INTERVAL_S

    def _put_trending(self, trending: Trending) -> None:
        rows = self._release.vocabulary.rows_of_keys(trending.keys)
        is_known = rows >= FIRST_ITEM_ROW
        rows, scores = rows[is_known], trending.scores[is_known]
        categories = len(self._release.catalogue.category_names)
        self._trending.put(PopularSource(rows, TRENDING_QUOTA, TRENDING))
        self._in_categories.put(
            CategoryTrends.of(TRENDING_IN_CATEGORIES, self._category_of, categories, rows, scores, CATEGORIES_QUOTA)
        )

    def _neighbours(self, covisits: CoVisits) -> NeighbourSource:
        vocabulary = self._release.vocabulary
        shape = (vocabulary.row_count, NEIGHBOURS)
        listed, weights = np.zeros(shape, np.int32), np.zeros(shape, np.float16)
        counts = covisits.counts.astype(np.int64)
        if counts.max(initial=0) > NEIGHBOURS:
            raise UnavailableError("features", f"an item has more than {NEIGHBOURS} co-visits")
        place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        owners = np.repeat(vocabulary.rows_of_keys(covisits.keys), counts)
        others = vocabulary.rows_of_keys(covisits.others)
        both = (owners >= FIRST_ITEM_ROW) & (others >= FIRST_ITEM_ROW)
        at = (owners[both], place[both])
        listed[at], weights[at] = others[both], covisits.weights[both]
        return NeighbourSource(CO_VISITS, listed, weights, CO_VISITS_QUOTA, _TOUCHED)
