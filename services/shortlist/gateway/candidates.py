"""Fit merged candidates to what each request of a batch asked for, whatever the others made of the width."""

from collections.abc import Sequence

import numpy as np

from shortlist.core.types import Candidates
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
