"""The ranker's tensor contract: what is sent for a batch, by name; one definition for serving and training.

The batch axis is requests, so a user's part is computed once for all of its candidates. A ranker takes those of
these tensors that its manifest names.
"""

from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import F32, I32, AnyArray
from shortlist.core.compiled import F32 as FLOAT
from shortlist.core.compiled import I32 as INT
from shortlist.core.compiled import I64 as LONG
from shortlist.core.compiled import compiled, filled, given
from shortlist.core.source_scores import put_divisors
from shortlist.core.types import Candidates, History
from shortlist.ranking.profile import category_shares
from shortlist.release.manifest import FeatureSchema, TensorSpec

PAIR_COLUMNS = ("category_share",)
"""What is known of a user and an item together besides what the sources say; see `ranking.profile`."""

_LOG_RANKS: F32 = np.log1p(np.arange(2048)).astype(np.float32)
"""Ranks are nearly always as low; a table is ten times as fast as the function."""


def source_columns(source: str) -> tuple[str, str]:
    """Name the two dense columns of a source: its score over the request's best, and the logarithm of its rank."""
    return f"{source}_score", f"{source}_log_rank"


def candidate_dense_names(sources: Sequence[str], item_columns: Sequence[str]) -> tuple[str, ...]:
    """Name the columns of `candidate_dense` in order: each source's, those of user and item together, the item's."""
    return (*(name for source in sources for name in source_columns(source)), *PAIR_COLUMNS, *item_columns)


def candidate_dense(
    history: History,
    candidates: Candidates,
    item_columns: F32,
    categories: I32,
    most: int | None = None,
    sources: int | None = None,
) -> F32:
    """Assemble what changes from request to request about each candidate.

    A source's score is divided by its best of the request; its rank r enters as log(1 + r), and as log(2 + most)
    where the source did not propose the item.

    Args:
        history: (B, H).
        candidates: Merged proposals of S sources, or of more: the columns are those of the first S.
        item_columns: (R, C) float32, the release's columns.
        categories: (R, levels) int32, the catalogue's.
        most: The release's number of candidates, since N may be larger for a batch; None: N.
        sources: S; None: all that there are.

    Returns:
        (B, N, 2 S + 1 + C) float32, 0 where padded.
    """
    users, width, proposing = candidates.scores.shape
    sources = proposing if sources is None else sources
    dense = np.zeros((users, width, 2 * sources + len(PAIR_COLUMNS) + item_columns.shape[1]), np.float32)
    shares = category_shares(history, candidates.rows, categories)
    absent = float(np.log1p((width if most is None else most) + 1))
    _fill(candidates.rows, candidates.scores, candidates.ranks, shares, item_columns, absent, sources, dense)
    return dense


@compiled(
    given(INT, 2), given(FLOAT, 3), given(INT, 3), given(FLOAT, 2), given(FLOAT, 2), FLOAT, LONG, filled(FLOAT, 3)
)
def _fill(
    rows: I32, scores: F32, ranks: I32, shares: F32, item_columns: F32, absent: float, sources: int, dense: F32
) -> None:
    """Fill (B, N, 2 S + 1 + C) zeros."""
    divisors = np.empty(sources, np.float32)
    for request in range(len(rows)):
        put_divisors(scores, request, divisors)
        for place, row in enumerate(rows[request]):
            if row == 0:
                continue
            target = dense[request, place]
            for source in range(sources):
                rank = ranks[request, place, source]
                target[2 * source] = scores[request, place, source] / divisors[source]
                if rank == 0:
                    target[2 * source + 1] = absent
                elif rank < len(_LOG_RANKS):
                    target[2 * source + 1] = _LOG_RANKS[rank]
                else:
                    target[2 * source + 1] = np.log1p(rank)
            target[2 * sources] = shares[request, place]
            target[2 * sources + 1 :] = item_columns[row]


def ranker_tensors(
    specs: Sequence[TensorSpec],
    schema: FeatureSchema,
    history: History,
    user_dense: F32,
    candidates: Candidates,
    item_columns: F32,
    categories: I32,
    most: int | None = None,
    stand_ins: I32 | None = None,
) -> dict[str, AnyArray]:
    """Build the tensors that a ranker's manifest names, C-contiguous and in its dtypes.

    Args:
        specs: The tensors.
        schema: The release's.
        history: (B, H).
        user_dense: (B, U) float32.
        candidates: See `candidate_dense`.
        item_columns: The same.
        categories: The same.
        most: The same.
        stand_ins: (R,) int32, the row by which the ranker's graph knows each row, since it has those of the release
            alone; None: its own.
    """
    newest = history.newest(schema.history_length)
    known, listed = newest.rows, candidates.rows
    if stand_ins is not None:
        known, listed = stand_ins[known], stand_ins[listed]
    available: dict[str, AnyArray] = {
        "user_dense": user_dense,
        "history": known,
        "history_type": newest.types,
        "history_age": newest.ages,
        "candidates": listed,
        "candidate_dense": candidate_dense(history, candidates, item_columns, categories, most, len(schema.sources)),
    }
    return {spec.name: np.ascontiguousarray(available[spec.name], spec.dtype) for spec in specs}
