"""Who bought what as a sparse matrix, on which every model of pairs is fitted, and how often it is bought again."""

import numpy as np
from scipy import sparse

from shortlist.core.types import EventType
from shortlist.features.encode import SECONDS_A_DAY
from shortlist.offline.interactions import NEVER_S, Interactions

_BUY_AGAIN = 0.1
"""Share of purchases; it is 0.40 in the grocery log, 0.37 in the gift shop's, and 0 of films, which nobody buys."""


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


def share_bought_again(interactions: Interactions) -> float:
    """Compute the share of purchases of what the same user bought before; 0 where there are none.

    Clicks do not count, nor what is in one basket twice.
    """
    is_purchase = interactions.types == EventType.PURCHASE
    next_s = interactions.superseded[is_purchase]
    is_followed = (next_s > interactions.times[is_purchase]) & (next_s < NEVER_S)
    return float(is_followed.mean()) if len(next_s) else 0.0


def buy_again(interactions: Interactions) -> bool:
    """Tell whether users buy again so often that what they have bought stays among what is shown."""
    return share_bought_again(interactions) >= _BUY_AGAIN
