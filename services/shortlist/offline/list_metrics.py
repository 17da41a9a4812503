"""What lists are like besides right: how much of the catalogue they show, how well known it is, how alike it is.

Each takes `listed` (U, K) int32, the item rows that U users were shown, best first, 0 pads; no row repeats for a user.
"""

import numpy as np

from shortlist.core.arrays import F32, F64, I32, I64
from shortlist.core.types import FIRST_ITEM_ROW, PADDING_ROW


def coverage_at(k: int, listed: I32, items: int) -> float:
    """Compute which share of `items` catalogue items is among the k best of anybody."""
    shown = np.unique(listed[:, :k])
    return float((shown >= FIRST_ITEM_ROW).sum() / items)


def novelty_at(k: int, listed: I32, buyers: I64, users: int) -> float:
    """Average the self-information -log2(buyers / users) of what is among the k best, in bits.

    Zhou et al., Solving the apparent diversity-accuracy dilemma of recommender systems, PNAS 2010.

    Args:
        k: Items of each user.
        listed: (U, K) rows.
        buyers: (R,) how many users bought each item in training; nobody counts as one.
        users: How many users there were.
    """
    shown = listed[:, :k][listed[:, :k] != PADDING_ROW]
    return float(np.log2(users / np.maximum(buyers[shown], 1)).mean()) if len(shown) else 0.0


def diversity_at(k: int, listed: I32, directions: F32) -> F64:
    """Compute for each user 1 - the mean cosine of all pairs among the k best, (U,).

    Ziegler et al., Improving recommendation lists through topic diversification, 2005. NaN for fewer than two items.

    Args:
        k: Items of each user.
        listed: (U, K) rows.
        directions: (R, D) float32, of any length; a vector of zeros is like nothing.
    """
    unit = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    best = listed[:, :k]
    held = best != PADDING_ROW
    shown = np.where(held[:, :, None], unit[best], np.float32(0.0))
    # The squared length of the sum holds every pair twice, and each vector with itself.
    pairs = (shown.sum(axis=1) ** 2).sum(axis=1) - (shown**2).sum(axis=(1, 2))
    sizes = held.sum(axis=1)
    mean = np.divide(pairs, sizes * (sizes - 1), out=np.full(len(best), np.nan), where=sizes > 1)
    diversity: F64 = 1.0 - mean
    return diversity
