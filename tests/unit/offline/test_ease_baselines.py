from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from shortlist.offline.baseline_set import all_baselines
from shortlist.offline.bought import bought_matrix
from shortlist.offline.ease import EaseWeights
from shortlist.offline.ease_baselines import GRID, Ease, EaseSettings, choose_settings, trend, try_settings
from shortlist.offline.exams import Exam
from shortlist.offline.interactions import Interactions
from shortlist.offline.progress import Stages
from shortlist.offline.protocol import Trial, ask, evaluate
from support.tiny_logs import DAY_S, tiny_log

LOG = tiny_log(users=80, items=80)
EXAM = Exam.by_time(LOG)


def _weights_by_definition(bought: np.ndarray, ridge: float) -> np.ndarray:
    precision = np.linalg.inv(bought.T @ bought + ridge * np.eye(bought.shape[1]))
    weights = -precision / np.diag(precision)
    np.fill_diagonal(weights, 0.0)
    return weights


@pytest.mark.parametrize(("users", "items"), [(30, 12), (12, 30)], ids=["by items", "by users"])
def test_votes_are_those_of_the_definition_in_either_dimension(users: int, items: int) -> None:
    rng = np.random.default_rng(users)
    bought = (rng.random((users, items)) < 0.3).astype(np.float32)
    inputs = bought * rng.random((users, items)).astype(np.float32)
    votes = EaseWeights(sparse.csr_array(bought), 3.0).votes(sparse.csr_array(inputs))
    np.testing.assert_allclose(votes, inputs @ _weights_by_definition(bought, 3.0), atol=1e-5)


def test_a_trend_is_the_smoothed_share_of_buyers_of_the_last_days() -> None:
    interactions = EXAM.split.interactions
    at_s = EXAM.split.cut_s
    row = int(interactions.rows[0])
    of_row = interactions.rows == row
    ever = len(set(interactions.users[of_row]))
    lately = len(set(interactions.users[of_row & (interactions.times >= at_s - 7 * DAY_S)]))
    assert trend(interactions, at_s, 7)[row] == pytest.approx((lately + 0.5) / (ever + 5))


def test_old_purchases_count_less_and_only_the_newest_of_an_item() -> None:
    interactions, at_s = EXAM.split.interactions, EXAM.split.cut_s
    user, row = int(interactions.users[0]), int(interactions.rows[0])
    newest = interactions.times[(interactions.users == user) & (interactions.rows == row)].max()
    weights = bought_matrix(interactions, at_s, 10.0)
    assert weights[user, row] == pytest.approx(2.0 ** (-(at_s - newest) / DAY_S / 10), rel=1e-5)


def test_trying_settings_gives_what_the_fitted_model_reaches() -> None:
    trial = EXAM.earlier
    assert trial is not None
    grid = [EaseSettings(200.0, 60.0, 14.0, 0.5), EaseSettings()]
    for settings, quality in try_settings(trial, grid).items():
        fitted = Ease(trial.past, trial.at_s, settings)
        assert quality == pytest.approx(evaluate(fitted, trial.test)["ndcg@10"].mean(), abs=1e-6)


def test_the_best_of_the_grid_is_chosen_and_the_best_that_is_blind_to_time() -> None:
    trial = EXAM.earlier
    assert trial is not None
    quality = try_settings(trial)
    static, timed = choose_settings(trial)
    assert quality[timed] == max(quality.values())
    assert quality[static] == max(quality[settings] for settings in GRID if settings.is_static)
    assert timed.exponent > 0  # in this log what leads changes all the time


def test_time_helps_where_the_fashion_moves() -> None:
    trial = EXAM.trial()
    static, timed = (Ease(trial.past, trial.at_s, settings) for settings in choose_settings(EXAM.earlier))
    assert evaluate(timed, trial.test)["ndcg@10"].mean() > evaluate(static, trial.test)["ndcg@10"].mean()


def test_without_an_earlier_trial_the_defaults_stand() -> None:
    assert choose_settings(None)[0] == EaseSettings()


def test_no_baseline_looks_past_the_cut() -> None:
    # The same past with another future: constants and lists must not move.
    cut = EXAM.split.cut_s
    is_later = LOG.events["time"] >= cut
    items = LOG.events["item"].to_numpy().copy()
    items[is_later.to_numpy()] = np.random.default_rng(0).permutation(items[is_later.to_numpy()])
    other = Exam.by_time(replace(LOG, events=LOG.events.with_columns(pl.Series("item", items))))
    assert other.split.cut_s == cut
    assert other.trial().test.relevant.codes.tolist() != EXAM.trial().test.relevant.codes.tolist()
    with Stages() as stages:
        lists = [_lists_of_all(exam, stages) for exam in (EXAM, other)]
    assert lists[0] == lists[1]


def _lists_of_all(exam: Exam, stages: Stages) -> dict[str, tuple[str, list[list[int]]]]:
    """Ask every baseline for the same users, whoever the exam tests."""
    trial = exam.trial()
    asked = Trial(trial.past, trial.at_s, EXAM.trial().test)
    return {
        baseline.name: (baseline.chosen, ask(baseline.recommender, asked.test, 10).tolist())
        for baseline in all_baselines(trial, exam.earlier, 1, stages)
    }


def test_the_votes_of_a_user_do_not_depend_on_who_else_is_asked() -> None:
    interactions: Interactions = EXAM.split.interactions
    weights = EaseWeights(bought_matrix(interactions), 500.0)
    inputs = bought_matrix(interactions)
    np.testing.assert_allclose(weights.votes(inputs[[3]]), weights.votes(inputs[[1, 3]])[1:], rtol=1e-4, atol=1e-6)
