"""Who bought what as a sparse matrix: what every model of pairs is fitted on."""

import numpy as np
from scipy import sparse

from shortlist.features.encode import SECONDS_A_DAY
from shortlist.offline.interactions import NEVER_S, Interactions


def bought_matrix(
    interactions: Interactions, before_s: int = NEVER_S, half_life_days: float = np.inf
) -> sparse.csr_array:
    """Lay out what was bought before a moment as (users, R) float32: 2^(-age of the newest purchase / half-life).

    Args:
        interactions: The log.
        before_s: The moment, from which ages count; without one nothing may fade.
        half_life_days: Infinite: everything is 1.
    """
    users, rows, times = interactions.bought(before_s)
    ages = (before_s - times) / SECONDS_A_DAY
    values = np.exp2(-ages / half_life_days).astype(np.float32)
    return sparse.csr_array((values, (users, rows)), shape=(len(interactions.user_ids), interactions.row_count))
