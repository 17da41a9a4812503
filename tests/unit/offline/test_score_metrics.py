import numpy as np
import pytest

from shortlist.offline.score_metrics import expected_calibration_error, pooled_auc


def test_the_pooled_area_counts_pairs_of_bought_and_not_and_ties_as_half() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.1], np.float32)
    # Of four pairs: .9 over both, .5 against .5 half, .5 over .1.
    assert pooled_auc(scores, np.array([True, True, False, False])) == pytest.approx(3.5 / 4)


def test_the_pooled_area_sees_what_is_wrong_between_users() -> None:
    # Each user's bought item is first among two, but the second user's scores are all higher.
    scores, labels = np.array([0.2, 0.1, 0.9, 0.8], np.float32), np.array([True, False, True, False])
    assert pooled_auc(scores, labels) == pytest.approx(0.75)


@pytest.mark.parametrize("bought", [True, False])
def test_there_is_no_area_where_all_or_nothing_was_bought(bought: bool) -> None:
    assert np.isnan(pooled_auc(np.array([0.1, 0.2], np.float32), np.array([bought, bought])))


def test_calibration_compares_mean_and_share_in_bins_of_equal_numbers() -> None:
    probabilities = np.array([0.8, 0.1, 0.6, 0.3], np.float32)
    labels = np.array([True, False, False, False])
    # Bins {.1, .3} and {.6, .8}: |.2 - 0| and |.7 - .5|, half of the numbers each.
    assert expected_calibration_error(probabilities, labels, bins=2) == pytest.approx(0.2)


def test_true_probabilities_are_calibrated_and_doubled_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.uniform(0, 0.5, 200_000).astype(np.float32)
    labels = rng.random(len(probabilities)) < probabilities
    assert expected_calibration_error(probabilities, labels) < 0.005
    assert expected_calibration_error(2 * probabilities, labels) == pytest.approx(0.25, abs=0.005)


def test_fewer_numbers_than_bins_are_a_bin_each() -> None:
    assert expected_calibration_error(np.array([0.5, 0.5], np.float32), np.array([True, False])) == pytest.approx(0.5)


def test_nothing_has_no_calibration() -> None:
    assert np.isnan(expected_calibration_error(np.zeros(0, np.float32), np.zeros(0, np.bool_)))
