"""Merge the proposals of several sources into one list of candidates a request."""

from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import F32, I32, I64, Bool
from shortlist.core.types import PADDING_ROW, Candidates, SourceList
from shortlist.retrieval.grouping import best_first, group, is_excluded

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
    users, sources = len(excluded), len(lists)
    rows = np.concatenate([proposed.rows for proposed in lists], axis=1)
    scores_listed = np.concatenate([proposed.scores for proposed in lists], axis=1)
    stride = 1 + int(rows.max(initial=0))
    places = rows + (np.arange(users) * stride)[:, None]
    held = (rows != PADDING_ROW) & ~is_excluded(rows, excluded)
    widths = [proposed.rows.shape[1] for proposed in lists]
    ranks_listed = _cut(held, lists, widths)

    places, rank = places[held], ranks_listed[held]
    number, first = group(places, users * stride)
    source = np.broadcast_to(np.repeat(np.arange(sources), widths), held.shape)[held]
    cell = number * sources + source
    ranks = np.zeros((len(first) + 1, sources), np.int32)
    scores = np.zeros((len(first) + 1, sources), np.float32)
    ranks.ravel()[cell] = rank
    scores.ravel()[cell] = scores_listed[held]

    # Row-major: groups are numbered request by request, and within one by source and rank.
    request = places[first] // stride
    order, place = best_first(request, _fused(ranks), users)
    # Where each place of the result comes from; one entry more, of zeros, pads. Gathering by it is several times
    # faster than scattering rows of S numbers.
    came_from = np.full(users * limit, len(first))
    inside = place < limit
    came_from[request[order[inside]] * limit + place[inside]] = order[inside]
    listed = np.append(places[first] - request * stride, PADDING_ROW).astype(np.int32)
    shape = (users, limit, sources)
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


def _cut(held: Bool, lists: Sequence[SourceList], widths: Sequence[int]) -> I64:
    """Number the held items of each list from 1, and let go in place of those beyond the request's quota.

    Args:
        held: (B, T), over the concatenated lists.
        lists: They have the quotas.
        widths: Their widths, T in all.
    """
    running = np.cumsum(held, axis=1)
    begins = np.cumsum([0, *widths[:-1]])
    before = np.concatenate([np.zeros((len(held), 1), np.int64), running], axis=1)[:, begins]
    ranks: I64 = running - np.repeat(before, widths, axis=1)
    quotas = np.stack(
        [
            np.full(len(held), width) if proposed.quotas is None else proposed.quotas
            for proposed, width in zip(lists, widths, strict=True)
        ],
        axis=1,
    )
    held &= ranks <= np.repeat(quotas, widths, axis=1)
    return ranks
