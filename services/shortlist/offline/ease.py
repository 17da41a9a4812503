"""Weights from item to item that predict best: what having bought one item says of each other.

EASE (Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019) solves for all weights at once, so that
what everyone buys does not collect the votes of everything, as it does with cosines.
"""

from collections.abc import Iterator

import numpy as np

from shortlist.core.arrays import F32
from shortlist.offline.interactions import Interactions

RIDGE = 500.0
_BLOCK = 1_024  # items at once: 80 MB of weights at 20,000 items


def ease_weights(interactions: Interactions, at_s: int) -> Iterator[tuple[int, F32]]:
    """Give what is learnt before a moment in blocks: the first row, and (b, R) weights with a diagonal of 0."""
    current = interactions.current(at_s)
    bought = np.zeros((len(interactions.user_ids), interactions.row_count), np.float32)
    bought[interactions.users[current], interactions.rows[current]] = 1.0
    for start, said in _solved(bought):
        here = np.arange(len(said))
        said[here, start + here] = 0.0
        yield start, said


def _solved(bought: F32) -> Iterator[tuple[int, F32]]:
    """Give the weights in blocks of items, row j what having j says of each other item; the diagonal means nothing.

    With P = (X'X + λ)^-1 the weights are -P_jc / P_cc. Where there are fewer users than items, P comes from the
    inverse in the dimension of users: λP = 1 - X'(XX' + λ)^-1 X.
    """
    users, items = bought.shape
    if items <= users:
        precision: F32 = np.linalg.inv(_ridged(bought.T @ bought))
        for start in range(0, items, _BLOCK):
            yield start, (-precision[start : start + _BLOCK] / np.diag(precision)).astype(np.float32)
        return
    solved: F32 = np.linalg.solve(_ridged(bought @ bought.T), bought)
    diagonal: F32 = np.float32(1.0) - np.einsum("ui,ui->i", bought, solved)
    for start in range(0, items, _BLOCK):
        yield start, (bought[:, start : start + _BLOCK].T @ solved / diagonal).astype(np.float32)


def _ridged(gram: F32) -> F32:
    gram[np.diag_indices_from(gram)] += RIDGE
    return gram
