"""Items near an item: one index search for each filter of a batch."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from shortlist.core.arrays import F32
from shortlist.core.errors import NotFoundError, ShortlistError, UnavailableError
from shortlist.core.types import FIRST_ITEM_ROW, Degraded, SimilarQuery, SourceList
from shortlist.gateway.catalog_shelf import Shelf
from shortlist.gateway.slate import Slate
from shortlist.release.bundle import Release
from shortlist.retrieval.delta import beside, search_arrivals
from shortlist.retrieval.filters import Filters
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.port import ItemIndex
from shortlist.telemetry.gateway import GatewayMetrics


class SimilarItems:
    """Answers SimilarItems from one release; safe to call from several threads."""

    def __init__(
        self,
        release: Release,
        index: ItemIndex,
        filters: Filters,
        metrics: GatewayMetrics,
        shelf: Callable[[], Shelf] | None = None,
        is_stale: Callable[[], bool] = lambda: False,
    ) -> None:
        whole = Shelf.of(release, filters)
        self._index, self._metrics = index, metrics
        self._shelf, self._is_stale = shelf or (lambda: whole), is_stale

    def run(self, queries: Sequence[SimilarQuery]) -> list[Slate | ShortlistError]:
        """Answer a batch, each request with an outcome of its own; scores are cosines: directions have unit length."""
        shelf = self._shelf()
        release = shelf.release
        rows = shelf.rows_of_candidates([query.item_id for query in queries])
        vectors = release.directions(rows)
        most = max(query.limit + 1 + len(query.filter.exclude_item_ids) for query in queries)
        near: dict[int, SourceList] = {}
        alike: defaultdict[Kept | None, list[int]] = defaultdict(list)
        for place, query in enumerate(queries):
            alike[shelf.filters.plan(query.filter)].append(place)
        try:
            for kept, places in alike.items():
                found = self._search(vectors[places], most, kept, shelf)
                near |= {
                    place: SourceList(*lists) for place, *lists in zip(places, found.rows, found.scores, strict=True)
                }
        except UnavailableError as error:
            self._metrics.dependency_errors.labels(error.dependency).inc()
            return [error] * len(queries)
        return [
            self._slate(query, int(rows[place]), near[place], shelf)
            if rows[place] >= FIRST_ITEM_ROW
            else NotFoundError(f"item_id: {query.item_id!r} is not in the catalogue")
            for place, query in enumerate(queries)
        ]

    def _search(self, vectors: F32, k: int, kept: Kept | None, shelf: Shelf) -> SourceList:
        """Search both indexes for what is not gone."""
        found = self._index.search(vectors, k, kept)
        if kept is None and shelf.filters.gone_share:
            left = shelf.filters.left()
            found = left.fill_up(left.drop_others(found, k), vectors, k)
        if shelf.arrivals is None:
            return found
        return beside(shelf.arrivals, found, *search_arrivals(shelf.arrivals, vectors, k, kept))

    def _slate(self, query: SimilarQuery, row: int, near: SourceList, shelf: Shelf) -> Slate:
        excluded = np.append(shelf.release.vocabulary.rows_of_ids(query.filter.exclude_item_ids), [row, 0])
        allowed = np.flatnonzero(~np.isin(near.rows, excluded))[: query.limit]
        rows, scores = near.rows[allowed], near.scores[allowed]
        sources = shelf.release.manifest.features.sources
        nothing = np.zeros((len(rows), len(sources)))
        degraded = (Degraded.STALE_CATALOGUE,) if self._is_stale() else ()
        return Slate(
            rows,
            scores,
            np.clip(scores, 0.0, 1.0),
            nothing.astype(np.float32),
            nothing.astype(np.int32),
            degraded=degraded,
        )
