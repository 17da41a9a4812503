"""Weights from item to item that predict best, and the lists by which a bought item votes for others.

EASE (Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019) solves for all weights at once, so that
what everyone buys does not collect the votes of everything, as it does with cosines. Times a trend, the lists also
know what sells now. NDCG@10 on the gift-shop log, lists of 24 alone: cosines .082, EASE .094, EASE times trend .135.
"""

from collections.abc import Iterator

import numpy as np

from shortlist.core.arrays import F16, F32, I32
from shortlist.core.types import PADDING_ROW
from shortlist.offline.columns import decayed_buyers
from shortlist.offline.interactions import Interactions

RIDGE = 500.0
TREND_HALF_LIFE_DAYS = 14.0
_BLOCK = 1_024  # items at once: 80 MB of weights at 20,000 items


def ease_lists(interactions: Interactions, at_s: int, k: int, focus: float = 1.0) -> tuple[I32, F16]:
    """List for each item the k others that having bought it speaks for most, weighted by what sells at a moment.

    Args:
        interactions: The log.
        at_s: The moment.
        k: Length of a list.
        focus: The power of the trend by which others are chosen, 0 to 1. At 1 the lists hold what sells now and little
            else, which pays where a season turns a catalogue over, and loses where people buy much the same all year.

    Returns:
        Rows (R, k) int32 and weights (R, k) float16, at most 1, strongest first; both 0 where a list is shorter.
    """
    rows = interactions.row_count
    current = interactions.current(at_s)
    bought = np.zeros((len(interactions.user_ids), rows), np.float32)
    bought[interactions.users[current], interactions.rows[current]] = 1.0
    lift = _trend(interactions, at_s)
    listed, weights = np.zeros((rows, k), np.int32), np.zeros((rows, k), np.float32)
    width = min(k, rows)
    for start, said in _weights(bought):
        here = np.arange(len(said))
        said[here, start + here] = 0.0
        # Partition first: sorting whole rows costs more than everything else together.
        best = np.argpartition(-said * lift**focus, width - 1, axis=1)[:, :width]
        strengths = np.take_along_axis(said, best, axis=1) * lift[best]
        order = np.argsort(-strengths, axis=1, kind="stable")
        span = slice(start, start + len(said))
        weights[span, :width] = np.take_along_axis(strengths, order, axis=1)
        listed[span, :width] = np.take_along_axis(best, order, axis=1)
    scaled = np.maximum(weights / max(weights.max(), np.finfo(np.float32).tiny), 0.0).astype(np.float16)
    return np.where(scaled > 0, listed, PADDING_ROW).astype(np.int32), scaled


def _trend(interactions: Interactions, at_s: int) -> F32:
    """Compute which share of an item's buyers bought it lately, as (R,); smoothed, so that one sale is no trend."""
    recent = decayed_buyers(interactions, at_s, TREND_HALF_LIFE_DAYS)
    ever = decayed_buyers(interactions, at_s, np.inf)
    trend: F32 = ((recent + 0.5) / (ever + 5.0)).astype(np.float32)
    return trend


def _weights(bought: F32) -> Iterator[tuple[int, F32]]:
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
