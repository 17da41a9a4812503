"""Merge the proposals of several sources into one list of candidates a request."""

from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import F32, I32, I64
from shortlist.core.types import PADDING_ROW, Candidates, SourceList
from shortlist.retrieval.grouping import best_first, group, is_among

RRF_CONSTANT = 60.0
"""Reciprocal rank fusion, Cormack, Clarke, Büttcher (SIGIR 2009): score = sum over sources of 1 / (60 + rank)."""


def merge(lists: Sequence[SourceList], excluded: I32, limit: int) -> Candidates:
    """Drop what is excluded, cut each list to its quota, keep the `limit` best by reciprocal rank fusion.

    What a request gets does not depend on the others of its batch: lists are cut to their quotas after the exclusions,
    however much longer another request made them. Ties go to the earlier source.

    Args:
        lists: One list a source, all over the same B requests; a row repeats in no list.
        excluded: (B, E) int32, rows that may not appear; 0 pads.
        limit: N, the most candidates a request keeps.

    Returns:
        Candidates of width N, in order of falling fused score.
    """
    users = len(excluded)
    stride = 1 + max(int(array.max(initial=0)) for array in (excluded, *(proposed.rows for proposed in lists)))
    barred = _places(excluded, stride)[excluded != PADDING_ROW]
    cut = [_cut(proposed, barred, stride) for proposed in lists]

    rows = np.concatenate([proposed.rows for proposed in cut], axis=1)
    held = rows != PADDING_ROW
    places = _places(rows, stride)[held]
    widths = [proposed.rows.shape[1] for proposed in cut]
    source = np.broadcast_to(np.repeat(np.arange(len(cut)), widths), rows.shape)[held]
    rank = np.broadcast_to(np.concatenate([np.arange(1, width + 1) for width in widths]), rows.shape)[held]

    number, first = group(places, users * stride)
    cell = number * len(cut) + source
    ranks = np.zeros((len(first) + 1, len(cut)), np.int32)
    scores = np.zeros((len(first) + 1, len(cut)), np.float32)
    ranks.ravel()[cell] = rank
    scores.ravel()[cell] = np.concatenate([proposed.scores for proposed in cut], axis=1)[held]

    # Row-major: groups are numbered request by request, and within one by source and rank.
    request = places[first] // stride
    order, place = best_first(request, _fused(ranks), users)
    # Where each place of the result comes from; one entry more, of zeros, pads. Gathering by it is several times
    # faster than scattering rows of S numbers.
    came_from = np.full(users * limit, len(first))
    inside = place < limit
    came_from[request[order[inside]] * limit + place[inside]] = order[inside]
    listed = np.append(places[first] - request * stride, PADDING_ROW).astype(np.int32)
    shape = (users, limit, len(cut))
    return Candidates(
        listed[came_from].reshape(users, limit),
        np.take(scores, came_from, axis=0).reshape(shape),
        np.take(ranks, came_from, axis=0).reshape(shape),
    )


def _fused(ranks: I32) -> F32:
    """Fuse (G + 1, S) ranks, 0 where a source did not propose, into (G,) scores; the last row is padding."""
    shares = np.zeros(int(ranks.max(initial=0)) + 1, np.float32)
    shares[1:] = 1.0 / (RRF_CONSTANT + np.arange(1, len(shares)))
    # Column by column: NumPy sums a short last axis slowly.
    fused: F32 = sum((shares[column] for column in ranks[:-1].T), np.zeros(len(ranks) - 1, np.float32))
    return fused


def _places(rows: I32, stride: int) -> I64:
    """Give each (request, row) a number of its own."""
    return rows + (np.arange(len(rows)) * stride)[:, None]


def _cut(proposed: SourceList, barred: I64, stride: int) -> SourceList:
    """Keep each request's quota of the list's first items that are not barred; ranks count from there."""
    users, width = proposed.rows.shape
    quotas = np.full(users, width) if proposed.quotas is None else proposed.quotas
    kept = proposed.rows != PADDING_ROW
    if len(barred):
        places = _places(proposed.rows, stride)
        kept &= ~is_among(places.ravel(), barred, users * stride).reshape(places.shape)
    place = np.cumsum(kept, axis=1) - 1
    kept &= place < quotas[:, None]
    longest = min(width, int(quotas.max(initial=0)))
    cut = SourceList(np.zeros((users, longest), np.int32), np.zeros((users, longest), np.float32))
    at = (np.nonzero(kept)[0], place[kept])
    cut.rows[at], cut.scores[at] = proposed.rows[kept], proposed.scores[kept]
    return cut
