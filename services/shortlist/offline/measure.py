"""How good a release is next to what it has to beat, over the same users and the same candidates."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from shortlist.core.arrays import I32
from shortlist.core.errors import InputError
from shortlist.offline.baselines import ItemKnn, Popularity
from shortlist.offline.columns import POPULAR_DAYS
from shortlist.offline.metrics import hit_rate_at, ndcg_at, recall_at
from shortlist.offline.protocol import Recommender, TestSet
from shortlist.offline.retriever import CANDIDATES
from shortlist.offline.served import serve
from shortlist.offline.splits import Split
from shortlist.release.bundle import Release

_BLOCK = 512  # users asked at once: score matrices stay at some ten megabytes


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over the tested users."""

    ndcg_at_10: float
    hit_rate_at_10: float
    recall_at_200: float

    @classmethod
    def of(cls, test: TestSet, listed: I32) -> "Quality":
        """Measure (U, 200) item rows, best first, 0 pads."""
        hits, relevant = test.relevant.contain(listed), test.relevant.sizes
        return cls(
            float(ndcg_at(10, hits, relevant).mean()),
            float(hit_rate_at(10, hits).mean()),
            float(recall_at(CANDIDATES, hits, relevant).mean()),
        )


def measure(release: Release, split: Split) -> dict[str, Quality]:
    """Measure a release and the baselines on the same users.

    Raises:
        InputError: the release was trained past the cut, or on another log.
    """
    _check_unseen(release, split)
    interactions = split.interactions
    test = TestSet.build(interactions, split.later)
    served = serve(release, interactions, test, split.cut_s)
    baselines: dict[str, Recommender] = {
        "popularity": Popularity(interactions),
        f"popularity, {POPULAR_DAYS} days": Popularity(interactions, POPULAR_DAYS),
        "item-kNN": ItemKnn(interactions),
    }
    lists = {"two-stage": served.ranked, "retrieval only": served.retrieved}
    lists |= {name: _ask(baseline, test) for name, baseline in baselines.items()}
    return {name: Quality.of(test, listed) for name, listed in lists.items()}


def _ask(recommender: Recommender, test: TestSet) -> I32:
    blocks = []
    for start in range(0, len(test.users), _BLOCK):
        users, histories = test.users[start : start + _BLOCK], test.histories.block(start, start + _BLOCK)
        blocks.append(recommender.recommend(users, histories, CANDIDATES))
    return np.concatenate(blocks)


def _check_unseen(release: Release, split: Split) -> None:
    trained_s = release.manifest.trained_until.timestamp()
    if trained_s > split.cut_s:
        raise InputError(
            f"{release.id} was trained on the log until {_day(trained_s)}, past the cut at {_day(split.cut_s)}: what "
            "it would be tested on is what it learnt; train with --holdout 0.2"
        )
    if list(release.vocabulary.ids) != list(split.interactions.vocabulary.ids):
        raise InputError(
            f"{release.id} was trained on another log or until another day than {split.train.dataset} before "
            f"{_day(split.cut_s)}: its items are not those of this test"
        )


def _day(time_s: float) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d}"
