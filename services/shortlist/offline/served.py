"""A release asked as the gateway asks it, for many users at a moment of the past."""

from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import I32, Bool
from shortlist.core.types import PADDING_ROW
from shortlist.offline.interactions import Interactions
from shortlist.offline.protocol import TestSet
from shortlist.offline.ranker_comparison import score_lists
from shortlist.offline.ranker_lists import Lists
from shortlist.offline.requests import all_users_at
from shortlist.offline.retriever import Retriever
from shortlist.ranking.tensors import candidate_dense
from shortlist.release.bundle import Release


@dataclass(frozen=True, slots=True)
class ServedLists:
    """What U users would have been served.

    Args:
        retrieved: (U, N) item rows in the order of retrieval, 0 pads.
        ranked: The same rows as the ranker orders them.
    """

    retrieved: I32
    ranked: I32


def serve(release: Release, interactions: Interactions, test: TestSet, at_s: int) -> ServedLists:
    """Retrieve and rank for the test's users, with all that they bought before excluded.

    A user row holds 256 items. Users who bought more would be served some of the older ones again, as a request that
    does not name them is; the protocol says that none is a candidate, so they are named here.
    """
    requests = all_users_at(interactions, at_s)
    requests = requests.take(np.isin(requests.users, test.users))
    manifest = release.manifest
    retriever = Retriever.of(release)
    candidates = retriever.candidates(requests, [test.histories[place] for place in range(len(test.users))])
    dense = candidate_dense(candidates, release.items.columns)
    unlabelled: Bool = np.zeros(candidates.rows.shape, np.bool_)
    lists = Lists(requests, candidates, dense, unlabelled)
    scores = score_lists(release.path, manifest.ranker, lists, manifest.features.history_length)
    order = np.argsort(np.where(candidates.rows != PADDING_ROW, -scores, np.inf), axis=1, kind="stable")
    return ServedLists(candidates.rows, np.take_along_axis(candidates.rows, order, axis=1))
