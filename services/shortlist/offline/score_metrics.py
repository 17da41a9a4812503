"""How well a ranker's scores tell what is bought, whatever lists are made of them.

`ranker_comparison.mean_auc` averages the area under the curve over lists (GAUC), which is blind to how scores compare
from user to user; the pooled area here is not, and the calibration error asks whether a score may be read as a
probability.
"""

import numpy as np
from scipy.stats import rankdata

from shortlist.core.arrays import F32, F64, Bool

CALIBRATION_BINS = 15


def pooled_auc(scores: F32, labels: Bool) -> float:
    """Compute how often something bought is scored above something not bought, by anybody; ties count half.

    Args:
        scores: (n,) in any order.
        labels: (n,) what was bought; NaN where all or nothing was.
    """
    bought = int(labels.sum())
    rest = len(labels) - bought
    if not bought or not rest:
        return float("nan")
    # Mann and Whitney, 1947: the sum of the ranks counts all pairs at once.
    above = rankdata(scores)[labels].sum() - bought * (bought + 1) / 2
    return float(above / (bought * rest))


def expected_calibration_error(probabilities: F32, labels: Bool, bins: int = CALIBRATION_BINS) -> float:
    """Average over bins of equal numbers how far the mean probability is from the share that was bought.

    Naeini et al., Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015; with bins of equal mass,
    since most of a recommender's probabilities are close to 0.

    Args:
        probabilities: (n,) 0 to 1.
        labels: (n,) what was bought.
        bins: How many; fewer where there are fewer numbers.
    """
    if not len(labels):
        return float("nan")
    order = np.argsort(probabilities, kind="stable")
    starts = np.unique(np.arange(bins) * len(order) // bins)
    differences: F64 = probabilities[order].astype(np.float64) - labels[order]
    return float(np.abs(np.add.reduceat(differences, starts)).sum() / len(order))
