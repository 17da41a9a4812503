import numpy as np
import pytest

from shortlist.offline.calibration import fit_line


def test_a_line_that_scores_were_moved_by_is_found_again() -> None:
    random = np.random.default_rng(0)
    odds = random.normal(-2.0, 1.5, 200_000)
    bought = random.random(len(odds)) < 1.0 / (1.0 + np.exp(-odds))
    slope, intercept = fit_line(((odds + 3.0) / 0.5).astype(np.float32), bought)
    assert slope == pytest.approx(0.5, rel=0.03)
    assert intercept == pytest.approx(-3.0, rel=0.03)


def test_scores_that_tell_the_opposite_are_left_in_their_order() -> None:
    scores = np.linspace(-1, 1, 100).astype(np.float32)
    assert fit_line(scores, scores < 0.2) == (1.0, 0.0)


@pytest.mark.parametrize("bought", [np.zeros(3, np.bool_), np.ones(3, np.bool_)])
def test_without_both_outcomes_there_is_no_line(bought: np.ndarray) -> None:
    assert fit_line(np.arange(3, dtype=np.float32), bought) == (1.0, 0.0)
