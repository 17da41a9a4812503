from dataclasses import replace

import numpy as np

from shortlist.offline.factors import item_factors
from shortlist.offline.interactions import Interactions
from support.tiny_logs import DAY_S, START_S, tiny_log

TRAIN = Interactions.of(tiny_log(), START_S + 120 * DAY_S)


def test_factors_are_directions_and_repeat() -> None:
    factors = item_factors(TRAIN, 4, seed=1)
    assert factors.shape == (TRAIN.row_count, 4)
    np.testing.assert_allclose(np.linalg.norm(factors[2:], axis=1), 1.0, rtol=1e-5)
    assert not factors[:2].any()
    np.testing.assert_array_equal(factors, item_factors(TRAIN, 4, seed=1))


def test_items_bought_by_the_same_users_lie_together() -> None:
    """Two groups of users and items that never meet."""
    users = np.repeat(np.arange(8), 4)
    items = np.concatenate([[2, 3, 4, 5] if user < 4 else [6, 7, 8, 9] for user in range(8)])
    kept = slice(len(users))
    apart = replace(
        TRAIN,
        users=users.astype(np.int32),
        rows=items.astype(np.int32),
        times=TRAIN.times[kept],
        types=TRAIN.types[kept],
    )
    # Once only: of two equally strong factors any rotation is right, and threads of BLAS decide which one comes out.
    factors = item_factors(apart, 2, seed=0)[2:10]
    cosines = factors @ factors.T
    assert cosines[:4, :4].min() > 0.99
    assert abs(cosines[:4, 4:]).max() < 0.01


def test_more_factors_than_there_are_stay_zero() -> None:
    width = TRAIN.row_count + 10
    factors = item_factors(TRAIN, width, seed=1)
    assert factors.shape == (TRAIN.row_count, width)
    assert not factors[:, TRAIN.row_count :].any()
