"""What a learnt model has to beat: popularity, and items bought by the same users."""

import numpy as np
from scipy import sparse

from shortlist.core.arrays import F32, I32
from shortlist.core.topk import top_k
from shortlist.offline.item_sets import ItemSets
from shortlist.offline.protocol import Interactions

DAY_S = 86_400
_BLOCK = 1_024  # items compared at once: 80 MB of similarities at 20,000 items


class Popularity:
    """Recommends what most users bought, ever or in the newest days of the training log."""

    def __init__(self, train: Interactions, days: float | None = None) -> None:
        since = train.times.max() - days * DAY_S if days is not None else train.times.min()
        recent = train.times >= since
        buyers = ItemSets.from_pairs(train.items[recent], train.users[recent], len(train.item_ids))
        self._scores = buyers.sizes.astype(np.float32)

    def recommend(self, users: I32, histories: ItemSets, k: int) -> I32:
        """List the same items for everyone, without those of the history."""
        return best_new(np.tile(self._scores, (len(users), 1)), histories, k)


class ItemKnn:
    """Recommends the neighbours of what a user bought, by the sum of their similarities."""

    def __init__(self, train: Interactions, neighbours: int = 100) -> None:
        items = len(train.item_ids)
        rows, weights = item_knn_lists(train.users, train.items, items, neighbours)
        starts = np.arange(items + 1) * rows.shape[1]
        self._similar = sparse.csr_array((weights.ravel(), rows.ravel(), starts), shape=(items, items))

    def recommend(self, users: I32, histories: ItemSets, k: int) -> I32:  # noqa: ARG002 - the history says it all
        """List the best neighbours of each history."""
        bought = sparse.csr_array(
            (np.ones(len(histories.codes), np.float32), histories.codes, histories.offsets),
            shape=(len(histories), self._similar.shape[0]),
        )
        return best_new((bought @ self._similar).toarray(), histories, k)


def best_new(scores: F32, histories: ItemSets, k: int) -> I32:
    """List the k best columns with a positive score that are not in the row's history, -1 where there are fewer.

    Args:
        scores: (U, I) float32, finite.
        histories: U sets of columns.
        k: Columns wanted.
    """
    listed, valid = top_k(scores, (scores > 0) & ~histories.mask(scores.shape[1]), k)
    ranked = np.full((len(scores), k), -1, np.int32)
    ranked[:, : listed.shape[1]] = np.where(np.arange(listed.shape[1]) < valid[:, None], listed, -1)
    return ranked


def item_knn_lists(user_codes: I32, item_codes: I32, n_items: int, k: int) -> tuple[I32, F32]:
    """Find each item's k nearest others by the cosine of who bought them, once or often.

    Sarwar et al., Item-based collaborative filtering recommendation algorithms, 2001.

    Args:
        user_codes: (E,) int32, 0 or more.
        item_codes: (E,) int32, 0 to before `n_items`.
        n_items: Rows of the answer.
        k: Neighbours wanted.

    Returns:
        Neighbours (n_items, k) int32, nearest first, and their weights (n_items, k) float32; where an item has fewer,
        both are 0, so a weight of 0 means that there is no neighbour.
    """
    users = int(user_codes.max(initial=-1)) + 1
    buyers = ItemSets.from_pairs(item_codes, user_codes, n_items)
    norms = np.sqrt(np.maximum(buyers.sizes, 1))
    values = (1.0 / norms[buyers.owners]).astype(np.float32)
    unit = sparse.csr_array((values, buyers.codes, buyers.offsets), shape=(n_items, users))
    rows = np.zeros((n_items, k), np.int32)
    weights = np.zeros((n_items, k), np.float32)
    for start in range(0, n_items, _BLOCK):
        similar = (unit[start : start + _BLOCK] @ unit.T).toarray()
        here = np.arange(len(similar))
        similar[here, start + here] = 0.0
        order, count = top_k(similar, similar > 0, k)
        width = order.shape[1]
        exists = np.arange(width) < count[:, None]
        rows[start : start + len(similar), :width] = np.where(exists, order, 0)
        weights[start : start + len(similar), :width] = np.where(
            exists, np.take_along_axis(similar, order, axis=1), 0.0
        )
    return rows, weights
