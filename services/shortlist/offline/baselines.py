"""What a learnt model has to beat at the least: popularity, and the neighbours of what a user bought.

Here is also what all baselines share: the matrix of who bought what, and the list out of scores.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from shortlist.core.arrays import F32, I32, I64
from shortlist.features.encode import SECONDS_A_DAY
from shortlist.offline.columns import POPULAR_DAYS
from shortlist.offline.interactions import Interactions
from shortlist.offline.item_sets import ItemSets
from shortlist.offline.neighbours import NEAREST, item_knn_lists, votes_of
from shortlist.offline.protocol import POSITIVE_TYPES, Recommender, Trial

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
        pairs = self._bought.tocoo()
        self._votes = votes_of(*item_knn_lists(pairs.row, pairs.col, train.row_count, neighbours))

    def recommend(self, users: I32, excluded: ItemSets, k: int) -> I32:
        """List the best for what each user bought."""
        return best_new((self._bought[users] @ self._votes).toarray(), excluded, k)


def quick_baselines(trial: Trial) -> Iterator[Baseline]:
    """Fit what takes seconds and needs no constants chosen; one after the other, so that one is held at a time."""
    yield Baseline(POPULARITY, Popularity(trial.past))
    yield Baseline(f"popularity, {POPULAR_DAYS} days", Popularity(trial.past, POPULAR_DAYS))
    yield Baseline("item-kNN", ItemKnn(trial.past))


def newest_purchases(past: Interactions) -> tuple[I32, I32, I64]:
    """Give each user and item of a purchase once: user codes, item rows and the newest time, (P,) each."""
    positive = np.isin(past.types, POSITIVE_TYPES)
    users, rows, times = past.users[positive], past.rows[positive], past.times[positive]
    order = np.lexsort((times, rows, users))
    users, rows, times = users[order], rows[order], times[order]
    is_newest = np.append((np.diff(users) != 0) | (np.diff(rows) != 0), np.ones(min(len(users), 1), np.bool_))
    return users[is_newest], rows[is_newest], times[is_newest]


def bought_matrix(past: Interactions, at_s: int = 0, half_life_days: float = np.inf) -> sparse.csr_array:
    """Lay out who bought what as (users, R) float32, 2^(-age of the newest purchase at `at_s` / half-life)."""
    users, rows, times = newest_purchases(past)
    values = np.exp2((times - at_s) / SECONDS_A_DAY / half_life_days).astype(np.float32)
    return sparse.csr_array((values, (users, rows)), shape=(len(past.user_ids), past.row_count))


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
    width = min(k, scores.shape[1])
    # Partition first: sorting whole rows of 17,000 takes several times as long.
    columns = np.sort(np.argpartition(-allowed, width - 1, axis=1)[:, :width], axis=1)
    picked = np.take_along_axis(allowed, columns, axis=1)
    order = np.argsort(-picked, axis=1, kind="stable")
    columns, picked = np.take_along_axis(columns, order, axis=1), np.take_along_axis(picked, order, axis=1)
    listed = np.zeros((len(scores), k), np.int32)
    listed[:, :width] = np.where(picked > above, columns, 0)
    return listed
