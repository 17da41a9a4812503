"""Items near an item: one index search for each filter of a batch."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from shortlist.core.errors import NotFoundError, ShortlistError, UnavailableError
from shortlist.core.types import FIRST_ITEM_ROW, SimilarQuery, SourceList
from shortlist.gateway.slate import Slate
from shortlist.release.bundle import Release
from shortlist.retrieval.filters import Filters
from shortlist.retrieval.kept import Kept
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
        near: dict[int, SourceList] = {}
        alike: defaultdict[Kept | None, list[int]] = defaultdict(list)
        for place, query in enumerate(queries):
            alike[self._filters.plan(query.filter)].append(place)
        try:
            for kept, places in alike.items():
                found = self._index.search(vectors[places], most, kept)
                near |= {
                    place: SourceList(*lists) for place, *lists in zip(places, found.rows, found.scores, strict=True)
                }
        except UnavailableError as error:
            self._metrics.dependency_errors.labels(error.dependency).inc()
            return [error] * len(queries)
        return [
            self._slate(query, int(rows[place]), near[place])
            if rows[place] >= FIRST_ITEM_ROW
            else NotFoundError(f"item_id: {query.item_id!r} is not in the catalogue")
            for place, query in enumerate(queries)
        ]

    def _slate(self, query: SimilarQuery, row: int, near: SourceList) -> Slate:
        excluded = np.append(self._release.vocabulary.rows_of_ids(query.filter.exclude_item_ids), [row, 0])
        allowed = np.flatnonzero(~np.isin(near.rows, excluded))[: query.limit]
        rows, scores = near.rows[allowed], near.scores[allowed]
        sources = self._release.manifest.features.sources
        nothing = np.zeros((len(rows), len(sources)))
        return Slate(rows, scores, np.clip(scores, 0.0, 1.0), nothing.astype(np.float32), nothing.astype(np.int32))
