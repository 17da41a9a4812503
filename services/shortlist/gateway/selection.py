"""Which candidates the slates of a batch take, and in which order: by score, by diversity, by rules."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from shortlist.core.arrays import F32, I32, I64
from shortlist.core.rerank import rerank
from shortlist.core.rules import RowRules
from shortlist.core.topk import top_k
from shortlist.core.types import Query

Directions: TypeAlias = Callable[[I32], F32]
"""Gives the embeddings of (n,) rows as (n, D) float32, by which items are alike."""


def select(
    queries: Sequence[Query], rows: I32, scores: F32 | None, rules: RowRules, directions: Directions
) -> tuple[I64, I64]:
    """Select columns of the candidates for each request.

    A caller's own candidates are its own choice: rules do not move them.

    Args:
        queries: B requests.
        rows: (B, N) int32, candidates in retrieval order; 0 pads.
        scores: (B, N) float32, log-odds, finite; None: nobody ranked, and the retrieval order stands for them.
        rules: What holds for the rows.
        directions: Asked for the candidates of requests that want diversity.

    Returns:
        Columns (B, K) in order, and how many of them each request takes (B,); the rest of a row is meaningless.
    """
    limits: I64 = np.array([query.limit for query in queries], np.int64)
    diversity: F32 = np.array([query.diversity for query in queries], np.float32)
    ranked = _by_place(rows) if scores is None else scores
    if rules.is_empty and not diversity.any():
        order, counts = top_k(ranked, rows > 0, int(limits.max()))
        return order, np.minimum(counts, limits)
    ruled = np.zeros_like(rows)
    if not rules.is_empty:
        ruled = rows * np.array([query.candidate_ids is None for query in queries])[:, None]
    if scores is not None:
        ranked = ranked + rules.log_odds[ruled]
    return rerank(ruled, ranked, rows > 0, limits, rules, diversity, _vectors(rows[diversity > 0], directions))


def _by_place(rows: I32) -> F32:
    """Give log-odds by which the n-th of a list is 1 / n as likely as the first."""
    return np.broadcast_to(-np.log1p(np.arange(rows.shape[1], dtype=np.float32)), rows.shape)


def _vectors(rows: I32, directions: Directions) -> F32:
    """Take the directions of (V, N) rows as (V, D, N), of unit length, as those of imported releases need not be."""
    vectors = directions(rows.ravel())
    vectors = vectors.reshape(*rows.shape, vectors.shape[1])
    lengths = np.linalg.norm(vectors, axis=2, keepdims=True)
    unit: F32 = np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return unit.transpose(0, 2, 1)
