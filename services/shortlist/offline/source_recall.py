"""Whether the sources of candidates are worth more together than the best of them alone."""

from collections.abc import Sequence

from shortlist.offline.metrics import recall_at
from shortlist.offline.protocol import Trial
from shortlist.offline.retriever import CANDIDATES, Retriever, retrieve
from shortlist.offline.served import requests_of
from shortlist.release.bundle import Release
from shortlist.retrieval.port import Source

TOGETHER = "all together"


def source_recalls(release: Release, trial: Trial) -> dict[str, float]:
    """Measure Recall@200 of all sources of a release merged as served, and of each alone with its own quota."""
    retriever, test = Retriever.of(release), trial.test
    requests, excluded = requests_of(trial)

    def recall(sources: Sequence[Source]) -> float:
        hits = test.relevant.contain(retrieve(sources, requests, excluded, CANDIDATES).rows)
        return float(recall_at(CANDIDATES, hits, test.relevant.sizes).mean())

    sources = retriever.sources
    return {TOGETHER: recall(sources), **{source.name: recall([source]) for source in sources}}
