"""Fit merged candidates to what each request of a batch asked for, whatever the others made of the width."""

from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import F32, I32, Bool
from shortlist.core.compiled import BOOL, compiled, filled, given
from shortlist.core.compiled import F32 as FLOAT
from shortlist.core.compiled import I32 as INT
from shortlist.core.compiled import I64 as LONG
from shortlist.core.types import PADDING_ROW, Candidates
from shortlist.retrieval.grouping import is_excluded
from shortlist.retrieval.kept import Kept


def width_of(kept: Sequence[Kept | None], step: int) -> int:
    """Count the columns of a batch: the release's number, or its multiple that holds a caller's own list."""
    longest = max((len(plan.rows) for plan in kept if plan is not None and plan.is_exhaustive), default=0)
    return max(1, -(-longest // step)) * step


def fit(candidates: Candidates, kept: Sequence[Kept | None], most: int) -> None:
    """Cut each request to its `most` best in place; where all of its kept items are wanted, add those missing.

    Items are missing where a source failed. They come last, in row order, as no source proposed them.
    """
    for request, plan in enumerate(kept):
        if plan is None or not plan.is_exhaustive:
            for array in (candidates.rows, candidates.scores, candidates.ranks):
                array[request, most:] = 0
            continue
        held = int(np.count_nonzero(candidates.rows[request]))
        missing = np.setdiff1d(plan.rows, candidates.rows[request])
        candidates.rows[request, held : held + len(missing)] = missing


def add_pinned(candidates: Candidates, pinned: I32, kept: Sequence[Kept | None], excluded: I32, most: int) -> None:
    """Add the pinned items that a request allows in place; beyond `most` they push out the last.

    No source proposed what is added. A caller's own candidates are its own choice: nothing is added to them.

    Args:
        candidates: Of B requests, fitted.
        pinned: (P,) int32, rows.
        kept: What each request's filter keeps.
        excluded: (B, E) int32, rows that may not appear; 0 pads.
        most: Columns of a request.
    """
    allowed = np.empty((len(kept), len(pinned)), np.bool_)
    for request, plan in enumerate(kept):
        allowed[request] = True if plan is None else plan.mask[pinned] & (not plan.is_exhaustive)
    allowed &= ~is_excluded(np.broadcast_to(pinned, allowed.shape), excluded)
    _add(candidates.rows, candidates.scores, candidates.ranks, pinned, allowed, most)


@compiled(given(INT, 1), INT, LONG)
def _holds(rows: I32, row: int, end: int) -> bool:
    """Tell whether a row is among the first `end`."""
    is_held = False
    for place in range(end):
        is_held |= rows[place] == row
    return is_held


@compiled(filled(INT, 2), filled(FLOAT, 3), filled(INT, 3), given(INT, 1), given(BOOL, 2), LONG)
def _add(rows: I32, scores: F32, ranks: I32, pinned: I32, allowed: Bool, most: int) -> None:
    for request in range(len(rows)):
        held = 0
        while held < most and rows[request, held] != PADDING_ROW:
            held += 1
        last = most
        for number, row in enumerate(pinned):
            if not allowed[request, number] or _holds(rows[request], row, held):
                continue
            if held < most:
                target = held
                held += 1
            else:
                last -= 1
                while last >= 0 and _holds(pinned, rows[request, last], len(pinned)):
                    last -= 1
                target = last
            if target < 0:
                break
            rows[request, target] = row
            scores[request, target] = 0.0
            ranks[request, target] = 0
