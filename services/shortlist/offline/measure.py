"""How good a release is next to what it has to beat, over the same users and the same candidates."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from shortlist.core.arrays import F32, F64, I32
from shortlist.core.errors import InputError
from shortlist.core.types import PADDING_ROW
from shortlist.offline.baselines import quick_baselines
from shortlist.offline.item_sets import ItemSets
from shortlist.offline.list_metrics import coverage_at, diversity_at, novelty_at
from shortlist.offline.metrics import Gain, hit_rate_at, mrr_at, ndcg_at, paired_bootstrap, recall_at
from shortlist.offline.protocol import Recommender, Trial, ask
from shortlist.offline.ranker_comparison import mean_auc
from shortlist.offline.retriever import CANDIDATES
from shortlist.offline.score_metrics import pooled_auc
from shortlist.offline.served import requests_of, serve
from shortlist.offline.splits import Split
from shortlist.release.bundle import Release

TWO_STAGE, RETRIEVAL = "two-stage", "retrieval only"
_SHOWN = 10
_BOOTSTRAP_SEED = 1


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over the tested users; the last three are of a ranker's scores over its candidates, None elsewhere."""

    ndcg_at_10: float
    hit_rate_at_10: float
    mrr: float
    recall_at_20: float
    recall_at_200: float
    coverage_at_10: float
    novelty_at_10: float
    diversity_at_10: float
    auc: float | None = None
    gauc: float | None = None
    ece: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A model's means, and its NDCG@10 user by user, (U,)."""

    quality: Quality
    ndcg: F64


class Ruler:
    """Measures the lists of any model on one trial.

    Args:
        trial: Who is tested, and what was known of items before.
        directions: (R, D) float32, by which items are alike; the same for every model.
    """

    def __init__(self, trial: Trial, directions: F32) -> None:
        past = trial.past
        self._test, self._directions = trial.test, directions
        self._buyers = ItemSets.from_pairs(past.rows, past.users, past.row_count).sizes
        self._users, self._items = len(np.unique(past.users)), len(past.vocabulary.ids)

    def measure(self, listed: I32) -> Measured:
        """Measure (U, 200) item rows, best first, 0 pads."""
        hits, relevant = self._test.relevant.contain(listed), self._test.relevant.sizes
        ndcg = ndcg_at(_SHOWN, hits, relevant)
        diversity = diversity_at(_SHOWN, listed, self._directions)
        quality = Quality(
            ndcg_at_10=float(ndcg.mean()),
            hit_rate_at_10=float(hit_rate_at(_SHOWN, hits).mean()),
            mrr=float(mrr_at(CANDIDATES, hits).mean()),
            recall_at_20=float(recall_at(20, hits, relevant).mean()),
            recall_at_200=float(recall_at(CANDIDATES, hits, relevant).mean()),
            coverage_at_10=coverage_at(_SHOWN, listed, self._items),
            novelty_at_10=novelty_at(_SHOWN, listed, self._buyers, self._users),
            diversity_at_10=float(np.nanmean(diversity)) if np.isfinite(diversity).any() else 0.0,
        )
        return Measured(quality, ndcg)

    def ask(self, recommender: Recommender) -> Measured:
        """Measure what a recommender lists."""
        return self.measure(ask(recommender, self._test, CANDIDATES))


def measure(release: Release, trial: Trial) -> dict[str, Quality]:
    """Measure a release and the quick baselines on a trial that lies after all that it knows."""
    ruler = Ruler(trial, release.directions(slice(None)))
    measured = measure_release(release, trial, ruler)
    measured |= {baseline.name: ruler.ask(baseline.recommender) for baseline in quick_baselines(trial)}
    return {name: one.quality for name, one in measured.items()}


def measure_release(release: Release, trial: Trial, ruler: Ruler) -> dict[str, Measured]:
    """Measure both stages of a release on a trial that lies after all that it knows."""
    served = serve(release, *requests_of(trial))
    ranked, rows = ruler.measure(served.ranked), served.candidates.rows
    held = rows != PADDING_ROW
    bought = trial.test.relevant.contain(rows) & held
    quality = replace(
        ranked.quality,
        auc=pooled_auc(served.scores[held], bought[held]),
        gauc=mean_auc(served.scores, bought, held),
    )
    return {TWO_STAGE: replace(ranked, quality=quality), RETRIEVAL: ruler.measure(rows)}


def gains_over_baselines(measured: Mapping[str, Measured]) -> dict[str, Gain]:
    """Compare NDCG@10 of the two stages with that of every other model, user by user."""
    return {name: gain(measured[TWO_STAGE].ndcg, other.ndcg) for name, other in measured.items() if name != TWO_STAGE}


def gain(ours: F64, theirs: F64) -> Gain:
    """Compare two models user by user; the same resamples for whatever is compared."""
    return paired_bootstrap(ours, theirs, _BOOTSTRAP_SEED)


def check_unseen(release: Release, split: Split) -> None:
    """Let a release pass that knows nothing of a split's later part.

    Raises:
        InputError: it was trained past the cut, or on another log.
    """
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
