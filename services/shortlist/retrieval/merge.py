"""Merge the proposals of several sources into one list of candidates a request, without a loop over items.

Everything is sorting of 64-bit integers that carry (request, row, position) in one number: NumPy sorts those with
vector instructions, several times faster than `np.unique` or a lexicographic sort.
"""

from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import F32, I32, I64, Bool
from shortlist.core.types import PADDING_ROW, Candidates, SourceList

RRF_CONSTANT = 60.0
"""Reciprocal rank fusion, Cormack, Clarke, Büttcher (SIGIR 2009): score = sum over sources of 1 / (60 + rank)."""


def merge(lists: Sequence[SourceList], excluded: I32, limit: int) -> Candidates:
    """Merge lists, drop what is excluded, keep the `limit` best of each request by reciprocal rank fusion.

    Args:
        lists: One list a source, all over the same B requests; a row repeats in no list.
        excluded: (B, E) int32, rows that may not appear; 0 pads.
        limit: N, the most candidates a request keeps.

    Returns:
        Candidates of width N, in order of falling fused score.
    """
    users, sources = excluded.shape[0], len(lists)
    rows = np.concatenate([proposed.rows for proposed in lists] + [excluded], axis=1)
    width = rows.shape[1]
    source, rank = _positions([proposed.rows.shape[1] for proposed in lists], excluded.shape[1])

    request, row, position, starts = group_by_row(rows)
    group = np.cumsum(starts) - 1
    group_count = int(group[-1]) + 1 if len(group) else 0
    ranks = np.zeros((group_count, sources + 1), np.int32)
    ranks[group, source[position]] = rank[position]
    scores = np.zeros((group_count, sources), np.float32)
    flat_scores = np.concatenate([proposed.scores for proposed in lists] + [excluded.astype(np.float32)], axis=1)
    proposed_by = source[position] < sources
    scores[group[proposed_by], source[position][proposed_by]] = flat_scores.ravel()[
        request[proposed_by] * width + position[proposed_by]
    ]
    kept = ranks[:, sources] == 0
    ranks, scores = ranks[kept, :sources], scores[kept]
    request, row = request[starts][kept], row[starts][kept]

    fused = (1.0 / (RRF_CONSTANT + ranks) * (ranks > 0)).sum(axis=1).astype(np.float32)
    order, place = best_first(request, fused, users)
    inside = place < limit
    order, place = order[inside], place[inside]
    result = Candidates(
        np.zeros((users, limit), np.int32),
        np.zeros((users, limit, sources), np.float32),
        np.zeros((users, limit, sources), np.int32),
    )
    at = (request[order], place)
    result.rows[at], result.scores[at], result.ranks[at] = row[order], scores[order], ranks[order]
    return result


def group_by_row(rows: I32) -> tuple[I64, I64, I64, Bool]:
    """Sort the entries of a (B, T) matrix by request and row, leaving padding out.

    Returns:
        request, row and column of each entry, and whether it is the first of its (request, row).
    """
    users, width = rows.shape
    stride = int(rows.max(initial=0)) + 1
    entries = (np.arange(users)[:, None] * stride + rows) * width + np.arange(width)
    ordered = np.sort(entries[rows != PADDING_ROW])
    pair, position = np.divmod(ordered, width)
    request, row = np.divmod(pair, stride)
    starts = np.ones(len(pair), np.bool_)
    starts[1:] = pair[1:] != pair[:-1]
    return request, row, position, starts


def best_first(request: I64, scores: F32, users: int) -> tuple[I64, I64]:
    """Order entries by request, then by falling score, ties by position.

    Args:
        request: (G,) int64, ascending.
        scores: (G,) float32, 0 or more.
        users: B.

    Returns:
        The order (G,), and each ordered entry's place within its request, from 0.
    """
    # The bits of a float that is 0 or more ascend with its value: 32 bits of it inverted, below the request.
    falling = 0xFFFFFFFF - np.ascontiguousarray(scores, np.float32).view(np.uint32).astype(np.int64)
    order = np.argsort((request << 32) | falling, kind="stable")
    counts = np.bincount(request, minlength=users)
    first = np.cumsum(counts) - counts
    return order, np.arange(len(order)) - first[request[order]]


def _positions(widths: Sequence[int], excluded: int) -> tuple[I64, I32]:
    """Name source and rank of each column of the concatenated lists; exclusions are a last source of rank 1."""
    source = np.repeat(np.arange(len(widths) + 1), [*widths, excluded])
    rank = np.concatenate([np.arange(1, width + 1) for width in widths] + [np.ones(excluded)])
    return source, rank.astype(np.int32)
