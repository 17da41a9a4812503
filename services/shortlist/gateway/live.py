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
from shortlist.release.vocabulary import Vocabulary
from shortlist.resilience.recurring import Recurring
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
    """Holds the live sources, and between `start` and `stop` puts new lists into them.

    Args:
        release: Gives what is served at the moment; its rows stay as many.
        store: Where lists are published.
        on_failure: Called whenever it could not be asked.
    """

    def __init__(
        self, release: Callable[[], Release], store: LiveListStore, on_failure: Callable[[], None] = lambda: None
    ) -> None:
        self._release, self._store = release, store
        self._looking = Recurring("live_lists", self.look, on_failure)
        self._known: bytes | None = None
        self.all = tuple(map(LiveSource, LIVE_SOURCES))
        self._co_visits, self._trending, self._in_categories = self.all

    def start(self) -> None:
        """Start the thread that looks for new lists."""
        self._looking.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread, and close the store."""
        self._looking.stop(timeout_s)
        self._store.close()

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
            release = self._release()
            self._co_visits.put(_neighbours(lists.covisits, release.vocabulary))
            self._put_trending(lists.trending, release)
            self._known = lists.version  # not of lists that were refused: these are refused again
        return INTERVAL_S

    def _put_trending(self, trending: Trending, release: Release) -> None:
        rows = release.vocabulary.rows_of_keys(trending.keys)
        is_known = rows >= FIRST_ITEM_ROW
        rows, scores = rows[is_known], trending.scores[is_known]
        category_of, categories = _most_special(release.catalogue.categories), len(release.catalogue.category_names)
        self._trending.put(PopularSource(rows, TRENDING_QUOTA, TRENDING))
        self._in_categories.put(
            CategoryTrends.of(TRENDING_IN_CATEGORIES, category_of, categories, rows, scores, CATEGORIES_QUOTA)
        )


def _most_special(levels: I32) -> I32:
    """Find each item's last category, of (R, levels) from general to special; 0 where it has none."""
    found: I32 = np.zeros(len(levels), np.int32)
    for level in levels.T:
        np.copyto(found, level, where=level > 0)
    return found


def _neighbours(covisits: CoVisits, vocabulary: Vocabulary) -> NeighbourSource:
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
