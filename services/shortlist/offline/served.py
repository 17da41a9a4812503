"""A release asked as the gateway asks it, for many users at a moment of the past."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import F32, I32, I64
from shortlist.core.types import PADDING_ROW, Candidates
from shortlist.offline.protocol import Trial
from shortlist.offline.ranker_comparison import score_lists
from shortlist.offline.ranker_lists import Lists
from shortlist.offline.requests import Requests, all_users_at
from shortlist.offline.retriever import Retriever
from shortlist.release.bundle import Release


@dataclass(frozen=True, slots=True)
class ServedLists:
    """What U users would have been served.

    Args:
        candidates: In the order of retrieval, N each.
        scores: (U, N) the ranker's.
        order: (U, N) places of the candidates as the ranker orders them, padding last.
    """

    candidates: Candidates
    scores: F32
    order: I64

    @property
    def ranked(self) -> I32:
        """Give the (U, N) item rows as the ranker orders them, 0 pads."""
        return np.take_along_axis(self.candidates.rows, self.order, axis=1)


def requests_of(trial: Trial) -> tuple[Requests, list[I32]]:
    """Encode a trial's users at its moment, and list for each all that was bought before: what may not be served.

    A user row holds 256 items. Users who bought more would be served some of the older ones again, as a request that
    does not name them is; the protocol says that none is a candidate, so they are named here.
    """
    requests = all_users_at(trial.past, trial.at_s)
    requests = requests.take(np.isin(requests.users, trial.test.users))
    return requests, [trial.test.histories[place] for place in range(len(trial.test))]


def serve(release: Release, requests: Requests, excluded: Sequence[I32]) -> ServedLists:
    """Retrieve and rank for n requests without each one's `excluded` rows."""
    manifest = release.manifest
    candidates = Retriever.of(release).candidates(requests, excluded)
    lists = Lists.of(requests, candidates, release.items, release.catalogue)
    scores = score_lists(release.path, manifest.ranker, lists, manifest.features.history_length)
    order = np.argsort(np.where(candidates.rows != PADDING_ROW, -scores, np.inf), axis=1, kind="stable")
    return ServedLists(candidates, scores, order)
