"""Top-k over the rows of a score matrix."""

import numpy as np

from shortlist.core.arrays import F32, I64, Bool


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
    order = np.argsort(np.where(valid, -scores, np.inf), axis=1, kind="stable")[:, :k]
    return order, np.minimum(valid.sum(axis=1), order.shape[1])
