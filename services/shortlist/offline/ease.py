"""Weights from item to item that predict best: what having bought one item says of each other.

EASE (Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019) solves for all weights at once, so that
what everyone buys does not collect the votes of everything, as it does with cosines.
"""

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from shortlist.core.arrays import F32
from shortlist.offline.bought import bought_matrix
from shortlist.offline.interactions import Interactions

RIDGE = 500.0
_BLOCK = 1_024  # items at once: 80 MB of weights at 20,000 items


def ease_weights(interactions: Interactions, at_s: int) -> Iterator[tuple[int, F32]]:
    """Give what is learnt before a moment in blocks: the first row, and (b, R) weights with a diagonal of 0."""
    yield from EaseWeights(bought_matrix(interactions, at_s), RIDGE).blocks()


class EaseWeights:
    """The weights from item to item, never spelled out where there are fewer users than items.

    With P = (X'X + λ)^-1 they are -P_jc / P_cc, 0 on the diagonal; in the dimension of users λP = 1 - X'(XX' + λ)^-1 X.

    Args:
        bought: X, (users, R), ones.
        ridge: λ.
    """

    def __init__(self, bought: sparse.csr_array, ridge: float) -> None:
        users, items = bought.shape
        self._bought, self._in_users = bought, users < items
        gram = (bought @ bought.T if self._in_users else bought.T @ bought).toarray()
        gram[np.diag_indices_from(gram)] += np.float32(ridge)
        if self._in_users:
            solved = np.linalg.solve(gram, bought.toarray())
            diagonal = np.asarray(bought.multiply(solved).sum(axis=0)).ravel()
            self._right: F32 = (solved / (1.0 - diagonal)).astype(np.float32)
            self._own: F32 = (diagonal / (1.0 - diagonal)).astype(np.float32)
        else:
            precision = np.linalg.inv(gram)
            self._right = (-precision / np.diag(precision)).astype(np.float32)
            self._right[np.diag_indices_from(self._right)] = 0.0

    def votes(self, inputs: sparse.csr_array) -> F32:
        """Add up the votes of (B, R) inputs for every item: (B, R) float32."""
        if not self._in_users:
            return np.asarray(inputs @ self._right)
        said = (inputs @ self._bought.T).toarray() @ self._right
        return np.asarray(said - inputs.multiply(self._own[None, :]).toarray())

    def blocks(self) -> Iterator[tuple[int, F32]]:
        """Spell the weights out: the first row, and (b, R) float32, what having each item says of every other."""
        for start in range(0, self._bought.shape[1], _BLOCK):
            said = self._right[start : start + _BLOCK]
            if self._in_users:
                said = self._bought[:, start : start + _BLOCK].T @ self._right
                here = np.arange(len(said))
                said[here, start + here] = 0.0
            yield start, said
