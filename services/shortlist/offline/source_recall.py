"""Whether the sources of candidates are worth more together than the best of them alone."""

from collections.abc import Sequence

import numpy as np

from shortlist.offline.metrics import recall_at
from shortlist.offline.protocol import Trial
from shortlist.offline.requests import all_users_at
from shortlist.offline.retriever import CANDIDATES, Retriever, retrieve
from shortlist.release.bundle import Release
from shortlist.retrieval.port import Source

TOGETHER = "all together"


def source_recalls(release: Release, trial: Trial) -> dict[str, float]:
    """Measure Recall@200 of all sources of a release merged as served, and of each alone with its own quota."""
    retriever, test = Retriever.of(release), trial.test
    requests = all_users_at(trial.past, trial.at_s)
    requests = requests.take(np.isin(requests.users, test.users))
    excluded = [test.histories[place] for place in range(len(test))]

    def recall(sources: Sequence[Source]) -> float:
        hits = test.relevant.contain(retrieve(sources, requests, excluded, CANDIDATES).rows)
        return float(recall_at(CANDIDATES, hits, test.relevant.sizes).mean())

    sources = retriever.sources
    return {TOGETHER: recall(sources), **{source.name: recall([source]) for source in sources}}
