"""How much the trend decides which neighbours an item lists: chosen on the months before the cut, log by log.

A gift shop turns over with the season, a grocer does not. NDCG@10 of the lists of EASE alone after the cut, with a
half-life of 7 days and a focus of 0, 0.5, 1: gift shop .120, .142, .126; with 30 days groceries .092, .090, .086.
"""

from itertools import product

import numpy as np

from shortlist.core.arrays import I32, Bool
from shortlist.offline.ease import ease_weights
from shortlist.offline.interactions import Interactions
from shortlist.offline.item_sets import ItemSets
from shortlist.offline.metrics import ndcg_at
from shortlist.offline.requests import all_users_at, bought_before
from shortlist.offline.retriever import retrieve
from shortlist.offline.trending_lists import Trend, strongest
from shortlist.retrieval.sources import NeighbourSource

TRENDS = tuple(Trend(half_life, focus) for half_life, focus in product((7.0, 30.0), (0.0, 0.5, 1.0)))
_CUTOFF = 10


def choose_trend(interactions: Interactions, at_s: int, horizon_s: int, k: int) -> tuple[Trend, dict[Trend, float]]:
    """Measure each trend on what users bought anew in the horizon after a moment of the past.

    Returns:
        The best, and the NDCG@10 of each; the default and nothing where nobody bought anything new.
    """
    past = interactions.before(at_s)
    requests = all_users_at(interactions, at_s)
    later = (interactions.times >= at_s) & (interactions.times < at_s + horizon_s)
    requests = requests.take(np.isin(requests.users, interactions.users[later]))
    if not len(requests):
        return Trend(), {}
    before = bought_before(interactions, requests)
    relevant = _bought_anew(interactions, later, requests.users, before)
    has_any = relevant.sizes > 0
    if not has_any.any():
        return Trend(), {}
    quality = {}
    lists = strongest(ease_weights(past, at_s), past, at_s, TRENDS, k)
    for trend, neighbours in zip(TRENDS, lists, strict=True):
        source = NeighbourSource("ease", *neighbours, quota=_CUTOFF)
        hits = relevant.contain(retrieve([source], requests, before, _CUTOFF).rows)
        quality[trend] = float(ndcg_at(_CUTOFF, hits[has_any], relevant.sizes[has_any]).mean())
    return max(TRENDS, key=lambda trend: quality[trend]), quality


def _bought_anew(interactions: Interactions, later: Bool, users: I32, before: list[I32]) -> ItemSets:
    """Collect for each user the items bought later and not before; items that nobody knew yet count as well."""
    place_of = np.full(len(interactions.user_ids), -1)
    place_of[users] = np.arange(len(users))
    owners, rows = place_of[interactions.users[later]], interactions.rows[later]
    had = ItemSets.from_pairs(
        np.repeat(np.arange(len(users)), [len(items) for items in before]), np.concatenate(before), len(users)
    )
    known = owners >= 0
    bought = ItemSets.from_pairs(owners[known], rows[known], len(users))
    is_new = ~np.isin(
        bought.owners * interactions.row_count + bought.codes, had.owners * interactions.row_count + had.codes
    )
    return ItemSets.from_pairs(bought.owners[is_new], bought.codes[is_new], len(users))
