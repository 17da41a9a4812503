"""Ranking metrics, one number for each user, so that models can be compared user by user.

Each takes `hits` (U, K), which of a user's K best items are relevant, best first, as `ItemSets.contain` tells; and
most take `relevant` (U,), how many items are relevant to each user in all. A user without any scores 0.
"""

from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import F64, I64, Bool


def ndcg_at(k: int, hits: Bool, relevant: I64) -> F64:
    """Compute binary NDCG: gain 1 / log2(1 + rank), over that of a list with all relevant items first.

    Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002.
    """
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(relevant, k)]
    gained: F64 = (hits[:, :k] * discounts[: hits.shape[1]]).sum(axis=1)
    return _ratio(gained, ideal)


def recall_at(k: int, hits: Bool, relevant: I64) -> F64:
    """Compute the share of the relevant items that are among the k best."""
    return _ratio(hits[:, :k].sum(axis=1), relevant)


def hit_rate_at(k: int, hits: Bool) -> F64:
    """Tell (as 0 or 1) whether a relevant item is among the k best."""
    best: F64 = hits[:, :k].astype(np.float64).max(axis=1, initial=0.0)
    return best


def mrr_at(k: int, hits: Bool) -> F64:
    """Compute 1 / rank of the first relevant item among the k best, 0 where there is none."""
    reciprocals = 1.0 / np.arange(1, k + 1)
    best: F64 = (hits[:, :k] * reciprocals[: hits.shape[1]]).max(axis=1, initial=0.0)
    return best


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better one model's mean is than another's, relative to the other's, with a 95 % interval."""

    relative: float
    low: float
    high: float


def paired_bootstrap(model: F64, baseline: F64, seed: int, resamples: int = 1_000) -> Gain:
    """Resample users, the same for both, and take the percentiles of the gain (Efron's percentile interval).

    Args:
        model: (U,) a metric of the model, user by user.
        baseline: (U,) the same of the baseline, whose mean is over 0; else the gain is NaN.
        seed: Fixes the resamples.
        resamples: How often; 1,000 leaves about one unit in the last printed digit.
    """
    if len(model) != len(baseline):
        raise ValueError(f"{len(model)} and {len(baseline)} users are no pairs")
    users = len(model)
    if not baseline.sum() > 0:
        return Gain(np.nan, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    gains = np.empty(resamples)
    for at in range(resamples):
        picked = rng.integers(0, users, users)
        gains[at] = _gain(model[picked].sum(), baseline[picked].sum())
    low, high = np.nanpercentile(gains, [2.5, 97.5])
    return Gain(_gain(model.sum(), baseline.sum()), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


def paired_difference(model: F64, baseline: F64, seed: int, resamples: int = 1_000) -> Interval:
    """Resample users, the same for both, and take the percentiles of the difference of the means.

    Args:
        model: (U,) a metric of the model, user by user.
        baseline: (U,) the same of the baseline; users of whom either is NaN are left out, and without any all is NaN.
        seed: Fixes the resamples.
        resamples: How often, as for `paired_bootstrap`.
    """
    if len(model) != len(baseline):
        raise ValueError(f"{len(model)} and {len(baseline)} users are no pairs")
    differences = (model - baseline)[np.isfinite(model - baseline)]
    users = len(differences)
    if not users:
        return Interval(np.nan, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    means = [differences[rng.integers(0, users, users)].mean() for _ in range(resamples)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(differences.mean()), float(low), float(high))


def _gain(model: np.float64, baseline: np.float64) -> float:
    return float(model / baseline - 1.0) if baseline > 0 else np.nan


def _ratio(part: F64 | I64, whole: F64 | I64) -> F64:
    ratios: F64 = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return ratios
