"""How much the trend decides which neighbours an item lists: chosen on the months before the cut, log by log.

A gift shop turns over with the season, a grocer does not. NDCG@10 of the lists of EASE alone after the cut, with a
half-life of 7 days and a focus of 0, 0.5, 1: gift shop .120, .142, .126; with 30 days groceries .092, .090, .086.
"""

from itertools import product

from shortlist.offline.ease import ease_weights
from shortlist.offline.interactions import Interactions
from shortlist.offline.metrics import ndcg_at
from shortlist.offline.protocol import Trial
from shortlist.offline.retriever import retrieve
from shortlist.offline.served import requests_of
from shortlist.offline.trending_lists import Trend, strongest
from shortlist.retrieval.sources import NeighbourSource

TRENDS = tuple(Trend(half_life, focus) for half_life, focus in product((7.0, 30.0), (0.0, 0.5, 1.0)))
_CUTOFF = 10


def choose_trend(interactions: Interactions, at_s: int, horizon_s: int, k: int) -> tuple[Trend, dict[Trend, float]]:
    """Measure each trend on what users bought anew in the horizon after a moment of the past.

    Returns:
        The best, and the NDCG@10 of each; the default and nothing where nobody bought anything new.
    """
    trial = Trial.within(interactions, at_s, horizon_s)
    if trial is None:
        return Trend(), {}
    past, relevant = trial.past, trial.test.relevant
    requests, excluded = requests_of(trial)
    quality = {}
    lists = strongest(ease_weights(past, at_s), past, at_s, TRENDS, k)
    for trend, neighbours in zip(TRENDS, lists, strict=True):
        source = NeighbourSource("ease", *neighbours, quota=_CUTOFF)
        hits = relevant.contain(retrieve([source], requests, excluded, _CUTOFF).rows)
        quality[trend] = float(ndcg_at(_CUTOFF, hits, relevant.sizes).mean())
    return max(TRENDS, key=lambda trend: quality[trend]), quality
