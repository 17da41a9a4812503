"""Merge the proposals of several sources into one list of candidates a request."""

import threading
from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import F32, I32, I64, Bool
from shortlist.core.compiled import BOOL, compiled, filled, given
from shortlist.core.compiled import F32 as FLOAT
from shortlist.core.compiled import I32 as INT
from shortlist.core.compiled import I64 as LONG
from shortlist.core.types import PADDING_ROW, Candidates, SourceList

RRF_CONSTANT = 60.0
"""Reciprocal rank fusion, Cormack, Clarke, Büttcher (SIGIR 2009): score = sum over sources of 1 / (60 + rank)."""
NOTHING_GONE: Bool = np.zeros(0, np.bool_)
_EXCLUDED = -1
_SCRATCH = threading.local()


def merge(lists: Sequence[SourceList], excluded: I32, limit: int, is_gone: Bool = NOTHING_GONE) -> Candidates:
    """Drop what is excluded, cut each list to its quota, keep the `limit` best by reciprocal rank fusion.

    What a request gets does not depend on the others of its batch: lists are cut to their quotas after the exclusions,
    however much longer another request made them. Ties go to the earlier source.

    Args:
        lists: One list a source, all over the same B requests; a row repeats in no list.
        excluded: (B, E) int32, rows that may not appear; 0 pads.
        limit: N, the most candidates a request keeps.
        is_gone: (R,) bool, rows that may appear for nobody; (0,): there are none.

    Returns:
        Candidates of width N, in order of falling fused score.
    """
    shape = (len(excluded), limit, len(lists))
    merged = Candidates(np.zeros(shape[:2], np.int32), np.zeros(shape, np.float32), np.zeros(shape, np.int32))
    rows = np.concatenate([proposed.rows for proposed in lists], axis=1)
    scores = np.concatenate([proposed.scores for proposed in lists], axis=1)
    widths = np.array([proposed.rows.shape[1] for proposed in lists])
    quotas = np.stack(
        [
            np.full(len(excluded), proposed.rows.shape[1], np.int32) if proposed.quotas is None else proposed.quotas
            for proposed in lists
        ]
    )
    barred = np.ascontiguousarray(excluded)
    places = _table(1 + max(int(rows.max(initial=0)), int(barred.max(initial=0))))
    _merge(rows, scores, widths, quotas, barred, is_gone, places, merged.rows, merged.scores, merged.ranks)
    return merged


def _table(size: int) -> I32:
    """Borrow this thread's table, at least `size` long and all 0; it is given back so."""
    held: I32 | None = getattr(_SCRATCH, "table", None)
    if held is None or len(held) < size:
        held = _SCRATCH.table = np.zeros(size, np.int32)
    return held


@compiled(given(INT, 1), INT, given(BOOL, 1), filled(INT, 1), filled(INT, 1), LONG)
def _number(listed: I32, quota: int, is_gone: Bool, places: I32, found: I32, count: int) -> int:
    """Number what one source lists, up to its quota, and no other did before; give the new count."""
    rank = 0
    for row in listed:
        if places[row] == _EXCLUDED or (row < len(is_gone) and is_gone[row]):
            continue
        if rank == quota:
            break
        rank += 1
        if places[row] == 0:
            found[count] = row
            count += 1
            places[row] = count
    return count


@compiled(
    given(INT, 2),
    given(FLOAT, 2),
    given(LONG, 1),
    given(INT, 2),
    given(INT, 2),
    given(BOOL, 1),
    filled(INT, 1),
    filled(INT, 2),
    filled(FLOAT, 3),
    filled(INT, 3),
)
def _merge(
    rows: I32,
    scores: F32,
    widths: I64,
    quotas: I32,
    excluded: I32,
    is_gone: Bool,
    places: I32,
    merged_rows: I32,
    merged_scores: F32,
    merged_ranks: I32,
) -> None:
    """Merge (B, T) concatenated lists; `places` says for each item row where it stands in the request, from 1."""
    sources, most = len(widths), rows.shape[1]
    found = np.empty(most, np.int32)
    fused = np.empty(most, np.float32)
    ranks = np.empty((most, sources), np.int32)
    values = np.empty((most, sources), np.float32)
    for request in range(len(rows)):
        places[PADDING_ROW] = _EXCLUDED
        for row in excluded[request]:
            places[row] = _EXCLUDED
        count, begin = 0, 0
        for source, width in enumerate(widths):
            listed, quota = rows[request, begin : begin + width], quotas[source, request]
            before = count
            count = _number(listed, quota, is_gone, places, found, count)
            ranks[before:count], values[before:count], fused[before:count] = 0, 0.0, 0.0
            rank = 0
            for column, row in enumerate(listed):
                if places[row] <= 0:
                    continue
                if rank == quota:
                    break
                rank += 1
                place = places[row] - 1
                ranks[place, source], values[place, source] = rank, scores[request, begin + column]
                fused[place] += np.float32(1.0 / (RRF_CONSTANT + rank))
            begin += width
        # Scores are positive, and the bits of positive floats ascend with them: score and place in one number.
        keys = (np.int64(0xFFFFFFFF) - fused[:count].view(np.int32)) << 32 | np.arange(count)
        keys.sort()
        for target in range(min(count, merged_rows.shape[1])):
            place = keys[target] & 0xFFFFFFFF
            merged_rows[request, target] = found[place]
            merged_scores[request, target] = values[place]
            merged_ranks[request, target] = ranks[place]
        for place in range(count):
            places[found[place]] = 0
        for row in excluded[request]:
            places[row] = 0
        places[PADDING_ROW] = 0
