"""Which items are touched more than others of late."""

from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import F32, U64
from shortlist.core.types import EventType
from shortlist.features.counters import ItemCounters

MOST = 10_000
"""Items in the list: of each category there are some."""
LEAST_RATE = 0.1
"""One event that is three half-lives old is no trend."""
SMOOTHING = 50.0
"""Events of a type that count before any came: the first purchase of a day is not all there is to say."""
_TOUCHES = [kind - 1 for kind in (EventType.VIEW, EventType.CLICK, EventType.CART, EventType.PURCHASE)]


@dataclass(frozen=True, slots=True)
class Trending:
    """Trending items, best first.

    Args:
        keys: (n,) uint64, item keys.
        scores: (n,) float32, above 0.
    """

    keys: U64
    scores: F32


def trending(counters: ItemCounters, most: int = MOST) -> Trending:
    """List the items with the largest shares of what is viewed, clicked, put into carts and bought of late.

    An item's score adds up its shares of each of the four, so that a purchase counts as many times a view as it is
    rarer. Ties go to the smaller key.
    """
    rates = counters.rates[:, _TOUCHES]
    scores = (rates / (rates.sum(axis=0) + SMOOTHING)).sum(axis=1)
    lively = np.flatnonzero(rates.sum(axis=1) >= LEAST_RATE)
    best = lively[np.argsort(-scores[lively], kind="stable")[:most]]
    return Trending(counters.keys[best], scores[best].astype(np.float32))
