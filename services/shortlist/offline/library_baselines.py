"""Matrix factorisation by the library `implicit`, so that no baseline is one that we wrote to be beaten.

ALS: Hu, Koren, Volinsky, Collaborative filtering for implicit feedback datasets, 2008. BPR: Rendle et al., Bayesian
personalized ranking from implicit feedback, 2009.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from scipy import sparse
from threadpoolctl import threadpool_limits

from shortlist.core.arrays import F32, I32
from shortlist.offline.baselines import best_new
from shortlist.offline.bought import bought_matrix
from shortlist.offline.interactions import Interactions
from shortlist.offline.item_sets import ItemSets
from shortlist.offline.progress import Advance, silently
from shortlist.offline.protocol import Trial, evaluate

_CUTOFF = 10


@dataclass(frozen=True, slots=True)
class AlsSettings:
    """Settings of ALS: how many factors, their regularisation, and how much more a purchase counts than none."""

    factors: int = 64
    regularization: float = 0.1
    alpha: float = 1.0
    iterations: int = 15


@dataclass(frozen=True, slots=True)
class BprSettings:
    """Settings of BPR: how many factors, their regularisation, step size and passes over the log."""

    factors: int = 64
    regularization: float = 0.01
    learning_rate: float = 0.005
    iterations: int = 50


ALS_GRID = (AlsSettings(), AlsSettings(factors=128), AlsSettings(alpha=10.0))
BPR_GRID = (BprSettings(), BprSettings(learning_rate=0.02), BprSettings(iterations=150))
"""The steps are small: .02 loses to popularity on groceries, NDCG@10 .034 against .077, where .005 reaches .081."""

_Settings = TypeVar("_Settings", AlsSettings, BprSettings)


class Factors:
    """Recommends by the inner product of a user's and an item's learnt vectors."""

    def __init__(self, past: Interactions, settings: AlsSettings | BprSettings, seed: int) -> None:
        bought = bought_matrix(past)
        # The library asks that BLAS use one thread, since it uses threads itself; one of those, so that a seed decides.
        with threadpool_limits(1, "blas"):
            model = _model(settings, seed)
            model.fit(sparse.csr_matrix(bought), show_progress=False)
        self._users: F32 = np.asarray(model.user_factors, np.float32)
        self._items: F32 = np.asarray(model.item_factors, np.float32)
        self._is_unsold = bought.sum(axis=0) == 0

    def recommend(self, users: I32, excluded: ItemSets, k: int) -> I32:
        """List the items with the largest product."""
        scores = self._users[users] @ self._items.T
        scores[:, self._is_unsold] = -np.inf
        return best_new(scores, excluded, k, above=-np.inf)


def _model(settings: AlsSettings | BprSettings, seed: int) -> AlternatingLeastSquares | BayesianPersonalizedRanking:
    if isinstance(settings, AlsSettings):
        return AlternatingLeastSquares(
            settings.factors,
            settings.regularization,
            settings.alpha,
            iterations=settings.iterations,
            num_threads=1,
            random_state=seed,
        )
    return BayesianPersonalizedRanking(
        settings.factors,
        settings.learning_rate,
        settings.regularization,
        iterations=settings.iterations,
        num_threads=1,
        random_state=seed,
    )


def choose_factors(
    trial: Trial | None, grid: Sequence[_Settings], seed: int, after_each: Advance = silently
) -> _Settings:
    """Choose the settings with the best NDCG@10 on a trial before the cut; the first without one."""
    if trial is None:
        return grid[0]
    quality = []
    for settings in grid:
        measured = evaluate(Factors(trial.past, settings, seed), trial.test, _CUTOFF)
        quality.append(float(measured[f"ndcg@{_CUTOFF}"].mean()))
        after_each()
    return grid[int(np.argmax(quality))]
