"""Top-k over the rows of a score matrix."""

import numpy as np

from shortlist.core.arrays import F32, I64, Bool
from shortlist.core.compiled import BOOL, compiled, filled, given
from shortlist.core.compiled import F32 as FLOAT
from shortlist.core.compiled import I64 as LONG


def top_k(scores: F32, valid: Bool, k: int) -> tuple[I64, I64]:
    """Pick the k best valid columns of each row.

    Ties go to the earlier column, so the answer is that of a stable argsort.

    Args:
        scores: (B, N) float32, finite where valid.
        valid: (B, N), columns that may be picked.
        k: Columns wanted, 0 or more.

    Returns:
        Columns (B, min(k, N)) best first, and how many of them are valid (B,); the rest of a row is meaningless.
    """
    best = np.zeros((len(scores), min(k, scores.shape[1])), np.int64)
    counts = np.zeros(len(scores), np.int64)
    _pick(np.ascontiguousarray(scores), np.ascontiguousarray(valid), best, counts)
    return best, counts


@compiled(given(FLOAT, 2), given(BOOL, 2), filled(LONG, 2), filled(LONG, 1))
def _pick(scores: F32, valid: Bool, best: I64, counts: I64) -> None:
    """Insert each column into the best so far: most are worse than the last of them and cost one comparison."""
    k = best.shape[1]
    for row in range(len(scores) if k else 0):
        held = 0
        for column in range(scores.shape[1]):
            score = scores[row, column]
            if not valid[row, column] or (held == k and score <= scores[row, best[row, k - 1]]):
                continue
            place = held if held < k else k - 1
            while place and scores[row, best[row, place - 1]] < score:
                best[row, place] = best[row, place - 1]
                place -= 1
            best[row, place] = column
            held += held < k
        counts[row] = held
