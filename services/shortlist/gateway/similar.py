"""Items near an item: one index search for a batch, exact over what a filter keeps."""

from collections.abc import Sequence

import numpy as np

from shortlist.core.errors import NotFoundError, ShortlistError, UnavailableError
from shortlist.core.types import FIRST_ITEM_ROW, SimilarQuery, SourceList
from shortlist.gateway.slate import Slate
from shortlist.release.bundle import Release
from shortlist.retrieval.filters import Filters
from shortlist.retrieval.port import ItemIndex
from shortlist.telemetry.gateway import GatewayMetrics


class SimilarItems:
    """Answers SimilarItems from one release; safe to call from several threads."""

    def __init__(self, release: Release, index: ItemIndex, filters: Filters, metrics: GatewayMetrics) -> None:
        self._release, self._index, self._filters, self._metrics = release, index, filters, metrics

    def run(self, queries: Sequence[SimilarQuery]) -> list[Slate | ShortlistError]:
        """Answer a batch, each request with an outcome of its own; scores are cosines: directions have unit length."""
        release = self._release
        rows = release.vocabulary.rows_of_ids(query.item_id for query in queries)
        vectors = release.directions(rows)
        most = max(query.limit + 1 + len(query.filter.exclude_item_ids) for query in queries)
        try:
            found = self._index.search(vectors, most)
        except UnavailableError as error:
            self._metrics.dependency_errors.labels(error.dependency).inc()
            return [error] * len(queries)
        outcomes: list[Slate | ShortlistError] = []
        for place, query in enumerate(queries):
            if rows[place] < FIRST_ITEM_ROW:
                outcomes.append(NotFoundError(f"item_id: {query.item_id!r} is not in the catalogue"))
                continue
            kept = self._filters.plan(query.filter)
            near = (
                SourceList(found.rows[place], found.scores[place])
                if kept is None
                else kept.search(vectors[place], most)
            )
            outcomes.append(self._slate(query, int(rows[place]), near))
        return outcomes

    def _slate(self, query: SimilarQuery, row: int, near: SourceList) -> Slate:
        excluded = np.append(self._release.vocabulary.rows_of_ids(query.filter.exclude_item_ids), [row, 0])
        allowed = np.flatnonzero(~np.isin(near.rows, excluded))[: query.limit]
        rows, scores = near.rows[allowed], near.scores[allowed]
        sources = self._release.manifest.features.sources
        nothing = np.zeros((len(rows), len(sources)))
        return Slate(rows, scores, np.clip(scores, 0.0, 1.0), nothing.astype(np.float32), nothing.astype(np.int32))
