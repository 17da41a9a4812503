import numpy as np
import pytest

from shortlist.offline.metrics import paired_difference
from shortlist.offline.ranker_comparison import aucs, mean_auc, top_of


def test_auc_is_the_share_of_pairs_in_order_and_ties_count_half() -> None:
    scores = np.array([[3.0, 2.0, 2.0, 9.0]], np.float32)
    labels = np.array([[False, True, False, False]])
    held = np.array([[True, True, True, False]])
    assert mean_auc(scores, labels, held) == pytest.approx(0.25)


def test_a_list_in_which_nothing_was_bought_has_no_auc_and_is_left_out_of_the_mean() -> None:
    scores = np.array([[2.0, 1.0], [2.0, 1.0]], np.float32)
    labels = np.array([[True, False], [False, False]])
    held = np.ones((2, 2), np.bool_)
    assert np.isnan(aucs(scores, labels, held)).tolist() == [False, True]
    assert mean_auc(scores, labels, held) == 1.0


def test_padding_is_never_among_the_best() -> None:
    held = np.zeros((1, 30), np.bool_)
    held[0, [3, 7]] = True
    assert np.flatnonzero(top_of(np.arange(30, dtype=np.float32)[None], held)[0]).tolist() == [3, 7]


def test_the_best_are_the_20_with_the_highest_scores() -> None:
    marked = top_of(np.arange(30, dtype=np.float32)[None], np.ones((1, 30), np.bool_))
    assert np.flatnonzero(marked[0]).tolist() == list(range(10, 30))


def test_the_interval_of_a_constant_difference_is_a_point() -> None:
    baseline = np.linspace(0.0, 1.0, 50)
    found = paired_difference(baseline + 0.25, baseline, seed=1)
    assert (found.mean, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))


def test_the_interval_of_a_difference_covers_its_mean_and_leaves_out_users_without_a_value() -> None:
    model = np.random.default_rng(3).normal(0.1, 1.0, 400)
    found = paired_difference(np.append(model, np.nan), np.zeros(401), seed=1)
    assert found.mean == pytest.approx(model.mean())
    assert found.low < found.mean < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * model.std() / 20, rel=0.15)  # the normal theory's


def test_without_a_user_there_is_no_interval() -> None:
    found = paired_difference(np.array([np.nan]), np.array([1.0]), seed=1)
    assert np.isnan([found.mean, found.low, found.high]).all()
