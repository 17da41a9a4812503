"""The ranker's tensor contract: what is sent for a batch, by name; one definition for serving and training.

The batch axis is requests, so a user's part is computed once for all of its candidates. A ranker takes those of
these tensors that its manifest names.
"""

from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import F32, AnyArray
from shortlist.core.types import Candidates, History
from shortlist.release.manifest import FeatureSchema, TensorSpec


def source_columns(source: str) -> tuple[str, str]:
    """Name the two dense columns of a source: its score over the request's best, and the logarithm of its rank."""
    return f"{source}_score", f"{source}_log_rank"


def candidate_dense_names(sources: Sequence[str], item_columns: Sequence[str]) -> tuple[str, ...]:
    """Name the columns of `candidate_dense` in order: each source's, then the item columns."""
    return (*(name for source in sources for name in source_columns(source)), *item_columns)


def candidate_dense(candidates: Candidates, item_columns: F32, most: int | None = None) -> F32:
    """Assemble what changes from request to request about each candidate.

    A source's score is divided by its best of the request; its rank r enters as log(1 + r), and as log(2 + most)
    where the source did not propose the item.

    Args:
        candidates: Merged proposals of S sources.
        item_columns: (R, C) float32, the release's columns.
        most: The release's number of candidates, since N may be larger for a batch; None: N.

    Returns:
        (B, N, 2 S + C) float32, 0 where padded.
    """
    users, width, sources = candidates.scores.shape
    dense = np.empty((users, width, 2 * sources + item_columns.shape[1]), np.float32)
    best = candidates.scores.max(axis=1, keepdims=True)
    dense[:, :, 0 : 2 * sources : 2] = candidates.scores / np.where(best > 0, best, np.float32(1.0))
    absent = np.float32((width if most is None else most) + 1)
    dense[:, :, 1 : 2 * sources : 2] = np.log1p(np.where(candidates.ranks > 0, candidates.ranks, absent))
    dense[:, :, 2 * sources :] = item_columns[candidates.rows]
    dense[candidates.rows == 0] = 0.0
    return dense


def ranker_tensors(
    specs: Sequence[TensorSpec],
    schema: FeatureSchema,
    history: History,
    user_dense: F32,
    candidates: Candidates,
    item_columns: F32,
    most: int | None = None,
) -> dict[str, AnyArray]:
    """Build the tensors that a ranker's manifest names, C-contiguous and in its dtypes."""
    newest = history.newest(schema.history_length)
    available: dict[str, AnyArray] = {
        "user_dense": user_dense,
        "history": newest.rows,
        "history_type": newest.types,
        "history_age": newest.ages,
        "candidates": candidates.rows,
        "candidate_dense": candidate_dense(candidates, item_columns, most),
    }
    return {spec.name: np.ascontiguousarray(available[spec.name], spec.dtype) for spec in specs}
