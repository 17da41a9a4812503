"""Make the ranker's scores log-odds: the odds that a user buys an item within the horizon.

The loss compares the items of a list with each other, so that it leaves open where scores lie and how far apart. A
slope and an intercept settle both (Platt, Probabilistic outputs for support vector machines, 1999): one pair for all
users, so that no order changes.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression

from shortlist.core.arrays import F32, Bool
from shortlist.core.types import PADDING_ROW
from shortlist.offline.distil import scores_of
from shortlist.offline.protocol import Trial
from shortlist.offline.ranker import Ranker
from shortlist.offline.ranker_lists import Lists
from shortlist.offline.requests import all_users_at, bought_before
from shortlist.offline.score_metrics import expected_calibration_error
from shortlist.offline.served import serve
from shortlist.release.bundle import Release

_MOST_USERS = 2_000
_SEED = 1


def calibrate(ranker: Ranker, aside: Lists, history_length: int) -> None:
    """Rescale a ranker's scores on lists that it did not learn from, those of users who bought nothing among them."""
    scores = scores_of(ranker, aside, history_length).numpy()
    held = aside.candidates.rows != PADDING_ROW
    slope, intercept = fit_line(scores[held], aside.labels[held])
    ranker.rescale(slope, intercept)


def fit_line(scores: F32, labels: Bool) -> tuple[float, float]:
    """Fit log-odds = slope * score + intercept; 1 and 0 where a slope would turn the order or nothing tells it."""
    if labels.all() or not labels.any():
        return 1.0, 0.0
    fitted = LogisticRegression(C=np.inf).fit(scores[:, None], labels)
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    return (slope, intercept) if slope > 0 else (1.0, 0.0)


def calibration_error(release: Release, trial: Trial) -> float:
    """Measure the expected calibration error over candidates of users drawn from all, whatever they did later."""
    requests = all_users_at(trial.past, trial.at_s)
    requests = requests.take(np.sort(np.random.default_rng(_SEED).permutation(len(requests))[:_MOST_USERS]))
    served = serve(release, requests, bought_before(trial.past, requests))
    rows = served.candidates.rows
    relevant = np.zeros(rows.shape, np.bool_)
    tested, places = np.isin(requests.users, trial.test.users), np.searchsorted(trial.test.users, requests.users)
    # Users are ascending in both, so that the tested ones keep their order.
    relevant[tested] = [np.isin(rows[at], trial.test.relevant[places[at]]) for at in np.flatnonzero(tested)]
    held = rows != PADDING_ROW
    return expected_calibration_error(1.0 / (1.0 + np.exp(-served.scores[held])), relevant[held])
