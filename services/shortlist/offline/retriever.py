"""The served retrieval, offline: the same sources and the same merge, for training the ranker and for measuring."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shortlist.core.arrays import I32
from shortlist.core.types import FIRST_ITEM_ROW, Candidates
from shortlist.offline.requests import Requests
from shortlist.release.bundle import INDEX_NAME, ItemArrays, Release
from shortlist.release.manifest import ModelSpec
from shortlist.retrieval.cpu import CpuIndex, read_index
from shortlist.retrieval.merge import merge
from shortlist.retrieval.port import Retrieval, Source
from shortlist.retrieval.sources import served_sources
from shortlist.retrieval.tower import QueryTower

CANDIDATES = 200
_BATCH = 32


class Retriever:
    """Retrieves from the sources that lie in a folder, a release or not yet one.

    Args:
        items: Arrays by item row.
        names: Names of the sources.
        folder: Where query tower and index lie.
        query_tower: The query tower.
        history_length: How many events it looks at.
        known_rows: Rows up to the last item in the index.
    """

    def __init__(
        self,
        items: ItemArrays,
        names: Sequence[str],
        folder: Path,
        query_tower: ModelSpec,
        history_length: int,
        known_rows: int,
    ) -> None:
        index = read_index(folder / INDEX_NAME, items.embeddings.shape[1], known_rows - FIRST_ITEM_ROW)
        tower = QueryTower(folder / query_tower.file, query_tower, items.embeddings, history_length)
        self.sources = served_sources(items, names, tower, CpuIndex(index))

    @classmethod
    def of(cls, release: Release) -> "Retriever":
        """Retrieve from a release."""
        manifest = release.manifest
        return cls(
            release.items,
            manifest.features.sources,
            release.path,
            manifest.query_tower,
            manifest.features.history_length,
            release.vocabulary.row_count,
        )

    def candidates(self, requests: Requests, excluded: Sequence[I32]) -> Candidates:
        """Retrieve in batches; what a request gets does not depend on the others.

        Args:
            requests: n requests.
            excluded: For each the rows that may not appear.

        Returns:
            `CANDIDATES` for each request.
        """
        return retrieve(self.sources, requests, excluded, CANDIDATES)


def retrieve(sources: Sequence[Source], requests: Requests, excluded: Sequence[I32], limit: int) -> Candidates:
    """Let sources propose for n requests, in batches, and merge without each request's `excluded` rows."""
    parts = []
    for start in range(0, len(requests), _BATCH):
        batch = slice(start, start + _BATCH)
        parts.append(_retrieve_batch(sources, requests.take(batch), excluded[batch], limit))
    return Candidates(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.ranks for part in parts]),
    )


def _retrieve_batch(sources: Sequence[Source], requests: Requests, excluded: Sequence[I32], limit: int) -> Candidates:
    barred = np.zeros((len(excluded), max(map(len, excluded))), np.int32)
    for place, rows in enumerate(excluded):
        barred[place, : len(rows)] = rows
    retrieval = Retrieval(requests.history, requests.user_dense, [None] * len(excluded), barred)
    return merge([source.propose(retrieval) for source in sources], barred, limit)
