"""Re-rank scored candidates into slates: place by place the best that the rules allow, by MMR where it is asked for.

Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): the next item has the largest
(1 - diversity) * relevance - diversity * (its largest cosine to an item that stands already). Scores are log-odds, so
an item's relevance is its odds over those of the request's best, 0 to 1: unlike a share of the range of scores, it does
not change with the worst candidate.
"""

import numpy as np

from shortlist.core.arrays import F32, I32, I64, Bool
from shortlist.core.compiled import BOOL, compiled, filled, given
from shortlist.core.compiled import F32 as FLOAT
from shortlist.core.compiled import I32 as INT
from shortlist.core.compiled import I64 as LONG
from shortlist.core.rules import RowRules

_NONE = -1


def rerank(
    rows: I32, scores: F32, valid: Bool, limits: I64, rules: RowRules, diversity: F32, vectors: F32
) -> tuple[I64, I64]:
    """Order the columns of each request for its slate.

    Pins stand at their places and count in the caps before anything else is taken; where a slate ends before a pin's
    place, the pin follows at its end. What is buried comes after the rest. Ties go to the more relevant, then to the
    earlier column.

    Args:
        rows: (B, N) int32, whose rules hold for each column; 0: none do.
        scores: (B, N) float32, log-odds with boosts, finite where valid.
        valid: (B, N), columns that may be taken.
        limits: (B,) int64, items wanted.
        rules: What holds for the rows.
        diversity: (B,) float32, 0 to 1.
        vectors: (V, D, N) float32 of unit length or 0, for each of the V requests whose diversity is above 0, in order.

    Returns:
        Columns (B, min(largest limit, N)) in order, and how many of them each request takes (B,); the rest of a row is
        meaningless.
    """
    order = np.zeros((len(scores), min(int(limits.max(initial=0)), scores.shape[1])), np.int64)
    counts = np.zeros(len(scores), np.int64)
    _rerank(
        np.ascontiguousarray(rows),
        np.ascontiguousarray(scores),
        np.ascontiguousarray(valid),
        limits,
        rules.is_buried,
        rules.places,
        rules.groups,
        rules.most,
        rules.group_count,
        diversity,
        np.ascontiguousarray(vectors),
        order,
        counts,
    )
    return order, counts


@compiled(given(INT, 1), given(INT, 1), given(INT, 2))
def _is_full(groups: I32, most: I32, taken: I32) -> bool:
    """Tell whether an item's group is full in any cap."""
    is_full = False
    for cap, group in enumerate(groups):
        is_full |= group > 0 and taken[cap, group] >= most[cap]
    return is_full


@compiled(given(INT, 1), filled(INT, 2))
def _count(groups: I32, taken: I32) -> None:
    """Count an item in its groups; what is counted in group 0 is never looked at."""
    for cap, group in enumerate(groups):
        taken[cap, group] += 1


@compiled(given(FLOAT, 2), LONG, BOOL, filled(FLOAT, 1), filled(FLOAT, 1))
def _approach(vectors: F32, column: int, is_first: bool, cosines: F32, nearest: F32) -> None:
    """Take note of how near all columns are to one that now stands; `cosines` is scratch."""
    cosines[:] = 0.0
    for dimension in range(len(vectors)):
        weight = vectors[dimension, column]
        for other in range(len(cosines)):
            cosines[other] += weight * vectors[dimension, other]
    for other in range(len(cosines)):
        if is_first or cosines[other] > nearest[other]:
            nearest[other] = cosines[other]


@compiled(
    given(INT, 1),
    given(BOOL, 1),
    given(FLOAT, 1),
    given(FLOAT, 1),
    FLOAT,
    given(BOOL, 1),
    given(INT, 2),
    given(INT, 1),
    given(INT, 2),
)
def _best(
    rows: I32,
    is_open: Bool,
    relevance: F32,
    nearest: F32,
    diversity: float,
    is_buried: Bool,
    groups: I32,
    most: I32,
    taken: I32,
) -> int:
    """Find the best open column whose groups are not full; -1 where there is none."""
    best, best_value = _NONE, np.float32(0.0)
    for column in range(len(rows)):
        if not is_open[column]:
            continue
        row = rows[column]
        value = (np.float32(1.0) - diversity) * relevance[column] - diversity * nearest[column]
        if best >= 0:
            if is_buried[row] and not is_buried[rows[best]]:
                continue
            if is_buried[row] == is_buried[rows[best]] and (
                value < best_value or (value == best_value and relevance[column] <= relevance[best])
            ):
                continue
        if _is_full(groups[row], most, taken):
            continue
        best, best_value = column, value
    return best


@compiled(filled(LONG, 1), LONG, LONG)
def _take_next(pinned: I64, place: int, limit: int) -> int:
    """Take the first column that is pinned at `place` or later; -1 where there is none."""
    for later in range(place, limit):
        column = int(pinned[later])
        if column >= 0:
            pinned[later] = _NONE
            return column
    return _NONE


@compiled(
    given(INT, 1),
    given(BOOL, 1),
    LONG,
    given(INT, 1),
    given(INT, 2),
    filled(LONG, 1),
    filled(INT, 2),
    filled(BOOL, 1),
)
def _begin(
    rows: I32, valid: Bool, limit: int, places: I32, groups: I32, pinned: I64, taken: I32, is_open: Bool
) -> None:
    """Open the valid columns, but for those that are pinned within the limit: these have their places already."""
    pinned[:] = _NONE
    taken[:, :] = 0
    for column, row in enumerate(rows):
        is_open[column] = valid[column]
        if valid[column] and 0 <= places[row] < limit:
            pinned[places[row]] = column
            is_open[column] = False
            _count(groups[row], taken)


@compiled(given(FLOAT, 1), given(BOOL, 1), filled(FLOAT, 1))
def _compare(scores: F32, valid: Bool, relevance: F32) -> None:
    """Fill in each valid column's odds over those of the best."""
    highest = np.float32(-np.inf)
    for column in range(len(scores)):
        if valid[column]:
            highest = max(highest, scores[column])
    for column in range(len(scores)):
        if valid[column]:
            relevance[column] = np.exp(scores[column] - highest)


@compiled(
    given(INT, 2),
    given(FLOAT, 2),
    given(BOOL, 2),
    given(LONG, 1),
    given(BOOL, 1),
    given(INT, 1),
    given(INT, 2),
    given(INT, 1),
    LONG,
    given(FLOAT, 1),
    given(FLOAT, 3),
    filled(LONG, 2),
    filled(LONG, 1),
)
def _rerank(
    rows: I32,
    scores: F32,
    valid: Bool,
    limits: I64,
    is_buried: Bool,
    places: I32,
    groups: I32,
    most: I32,
    group_count: int,
    diversity: F32,
    vectors: F32,
    order: I64,
    counts: I64,
) -> None:
    """Fill the slates; where a request asks for no diversity its scores are compared as they are."""
    width = scores.shape[1]
    pinned = np.empty(limits.max(), np.int64)
    taken = np.empty((len(most), group_count), np.int32)
    is_open = np.empty(width, np.bool_)
    relevance, nearest, cosines = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    diverse = 0
    for request in range(len(rows)):
        listed, limit, share = rows[request], limits[request], diversity[request]
        _begin(listed, valid[request], limit, places, groups, pinned, taken, is_open)
        relevance[:] = scores[request]
        nearest[:] = 0.0
        if share > 0:
            _compare(scores[request], valid[request], relevance)
        for place in range(limit):
            column = _NONE
            if pinned[place] < 0:
                column = _best(listed, is_open, relevance, nearest, share, is_buried, groups, most, taken)
            if column >= 0:
                is_open[column] = False
                _count(groups[listed[column]], taken)
            else:
                column = _take_next(pinned, place, limit)
            if column < 0:
                break
            order[request, place] = column
            counts[request] += 1
            if share > 0:
                _approach(vectors[diverse], column, place == 0, cosines, nearest)
        diverse += share > 0
