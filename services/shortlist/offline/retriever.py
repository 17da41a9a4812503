"""The served retrieval, offline: the same sources and the same merge, for training the ranker and for measuring."""

from pathlib import Path

import numpy as np

from shortlist.core.arrays import I32
from shortlist.core.types import FIRST_ITEM_ROW, Candidates
from shortlist.offline.interactions import Interactions
from shortlist.offline.requests import Requests
from shortlist.release.bundle import INDEX_NAME, ItemArrays
from shortlist.release.manifest import ModelSpec
from shortlist.retrieval.cpu import CpuIndex, read_index
from shortlist.retrieval.merge import merge
from shortlist.retrieval.port import Retrieval
from shortlist.retrieval.sources import served_sources
from shortlist.retrieval.tower import QueryTower

CANDIDATES = 200


class Retriever:
    """Candidates for requests, by the sources that stand in a folder or a release."""

    def __init__(self, items: ItemArrays, folder: Path, query_tower: ModelSpec, history_length: int, known_rows: int) -> None:
        dimension = items.embeddings.shape[1]
        index = CpuIndex(read_index(folder / INDEX_NAME, dimension, known_rows - FIRST_ITEM_ROW))
        tower = QueryTower(folder / query_tower.file, query_tower, items.embeddings, history_length)
        self.sources = served_sources(items, tower, index)

    def candidates(self, requests: Requests, excluded: list[I32], limit: int = CANDIDATES) -> Candidates:
        """Retrieve for each request by itself, as a lone request is served."""
        parts = [self._one(requests.take(slice(at, at + 1)), excluded[at], limit) for at in range(len(requests))]
        return Candidates(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.ranks for part in parts]),
        )

    def _one(self, request: Requests, excluded: I32, limit: int) -> Candidates:
        retrieval = Retrieval(request.history, request.user_dense, [None], len(excluded))
        return merge([source.propose(retrieval) for source in self.sources], excluded[None, :], limit)


def bought_by(interactions: Interactions, requests: Requests) -> list[I32]:
    """List the distinct items that each request's user bought before it."""
    spans = interactions.offsets
    return [
        np.unique(interactions.rows[spans[user] : spans[user + 1]][interactions.times[spans[user] : spans[user + 1]] < at_s])
        for user, at_s in zip(requests.users, requests.at_s, strict=True)
    ]
