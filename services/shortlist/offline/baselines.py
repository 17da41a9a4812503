"""What a learnt model has to beat at the least: popularity, and the neighbours of what a user bought.

Here is also what all baselines share: the list out of scores.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import F32, I32
from shortlist.features.encode import SECONDS_A_DAY
from shortlist.offline.bought import bought_matrix
from shortlist.offline.columns import POPULAR_DAYS
from shortlist.offline.interactions import Interactions
from shortlist.offline.item_sets import ItemSets
from shortlist.offline.neighbours import NEAREST, item_knn_votes, largest
from shortlist.offline.protocol import Recommender, Trial

POPULARITY = "popularity"


@dataclass(frozen=True, slots=True)
class Baseline:
    """A fitted baseline, and the constants that were chosen for it, in words."""

    name: str
    recommender: Recommender
    chosen: str = ""


class Popularity:
    """Recommends what most users bought, ever or in the newest days of the training log."""

    def __init__(self, train: Interactions, days: float | None = None) -> None:
        since = train.times.min() if days is None else train.times.max() - days * SECONDS_A_DAY
        recent = train.times >= since
        buyers = ItemSets.from_pairs(train.rows[recent], train.users[recent], train.row_count)
        self._scores = buyers.sizes.astype(np.float32)

    def recommend(self, users: I32, excluded: ItemSets, k: int) -> I32:
        """List the same items for everyone, without those excluded."""
        return best_new(np.tile(self._scores, (len(users), 1)), excluded, k)


class ItemKnn:
    """Recommends the items of whose nearest neighbours a user bought most, by the sum of their similarities."""

    def __init__(self, train: Interactions, neighbours: int = NEAREST) -> None:
        self._bought = bought_matrix(train)
        self._votes = item_knn_votes(self._bought, neighbours)

    def recommend(self, users: I32, excluded: ItemSets, k: int) -> I32:
        """List the best for what each user bought."""
        return best_new((self._bought[users] @ self._votes).toarray(), excluded, k)


def quick_baselines(trial: Trial) -> Iterator[Baseline]:
    """Fit what takes seconds and needs no constants chosen; one after the other, so that one is held at a time."""
    yield Baseline(POPULARITY, Popularity(trial.past))
    yield Baseline(f"popularity, {POPULAR_DAYS} days", Popularity(trial.past, POPULAR_DAYS))
    yield Baseline("item-kNN", ItemKnn(trial.past))


def best_new(scores: F32, excluded: ItemSets, k: int, above: float = 0.0) -> I32:
    """List the k best columns with a score over `above` that are not excluded, 0 where there are fewer.

    Ties among those listed go to the earlier column.

    Args:
        scores: (U, R) float32, no NaN; columns are item rows.
        excluded: U sets of item rows.
        k: Columns wanted.
        above: The scores of what is not worth listing end here.
    """
    allowed = np.where(excluded.mask(scores.shape[1]), np.float32(-np.inf), scores)
    columns, picked = largest(allowed, k)
    listed = np.zeros((len(scores), k), np.int32)
    listed[:, : columns.shape[1]] = np.where(picked > above, columns, 0)
    return listed
