"""How a load test's load runs over its time."""

import numpy as np
import pytest
from loadtest.locusting.shapes import SHAPES, share_of_peak, soak, spike, step

PROGRESS = np.linspace(0.0, 1.0, 1001)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_reaches_its_peak_and_never_stops(shape: str) -> None:
    shares = [SHAPES[shape](progress) for progress in PROGRESS]
    assert max(shares) == 1.0
    assert min(shares) > 0.0


def test_steps_climb_five_times_alike() -> None:
    shares = [step(progress) for progress in PROGRESS]
    assert shares == sorted(shares)
    assert sorted(set(shares)) == [0.2, 0.4, 0.6, 0.8, 1.0]


def test_a_spike_comes_in_the_middle_and_goes() -> None:
    assert [spike(progress) for progress in (0.0, 0.39, 0.4, 0.59, 0.6, 1.0)] == [0.2, 0.2, 1.0, 1.0, 0.2, 0.2]


def test_a_soak_climbs_and_keeps_its_peak() -> None:
    assert soak(0.0) == 0.2
    assert soak(0.05) == pytest.approx(0.6)
    assert {soak(progress) for progress in (0.1, 0.5, 1.0)} == {1.0}


def test_a_test_that_is_late_to_end_stays_where_its_shape_ended() -> None:
    assert share_of_peak("spike", 61.0, 60.0) == 0.2
    assert share_of_peak("steady", 61.0, None) == 1.0
