"""The answer of the pipeline to one request, as arrays, before it becomes a message."""

from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import F32, I32, I64
from shortlist.core.compiled import F32 as FLOAT
from shortlist.core.compiled import I32 as INT
from shortlist.core.compiled import I64 as LONG
from shortlist.core.compiled import compiled, filled, given
from shortlist.core.source_scores import put_divisors
from shortlist.core.types import Candidates, Degraded


@dataclass(frozen=True, slots=True)
class ItemExplanation:
    """Why an item stands where it stands.

    Args:
        features: (C,) float32, the item's row of `candidate_dense`; (0,) in an answer from the popular list.
        neighbours: Items of the history and their cosine, nearest first.
        rules: Names of the rules that moved it.
    """

    features: F32
    neighbours: tuple[tuple[int, float], ...]
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UserKnowledge:
    """What was known of the user.

    Args:
        recent_rows: Newest items first, unknown ones left out.
        event_count: Events in the stored row.
        row_version: 0 where there is no row.
    """

    recent_rows: tuple[int, ...]
    event_count: int
    row_version: int


@dataclass(slots=True)
class Slate:
    """Ranked items of one request (n of them, S sources); filled in by the pipeline, and left alone after it.

    Args:
        rows: (n,) int32, best first.
        scores: (n,) float32.
        retrieval_scores: (n,) float32, 0 to 1.
        source_scores: (n, S) float32.
        source_ranks: (n, S) int32, 0 where the source did not propose the item.
        ranker: Who ranked; empty where nobody did.
        degraded: Steps of the ladder.
        is_cold_start: Nothing was known of the user.
        unknown_ids: Candidates of the caller that the release does not know.
        explanations: One an item, where asked for.
        user: Where asked for.
        session_token: Asks for the next page; empty where there is none.
        items: The items as they go over the wire, once they are written; see `wire`.
    """

    rows: I32
    scores: F32
    retrieval_scores: F32
    source_scores: F32
    source_ranks: I32
    ranker: str = ""
    degraded: tuple[Degraded, ...] = ()
    is_cold_start: bool = False
    unknown_ids: tuple[str, ...] = ()
    explanations: tuple[ItemExplanation, ...] | None = None
    user: UserKnowledge | None = None
    session_token: str = ""
    items: bytes = b""


def in_order(rows: I32, ranks: I32, sources: int, popular_source: int | None) -> Slate:
    """Make a slate of rows that are in order already; the score of an item is 1 over its rank.

    Args:
        rows: (n,) int32.
        ranks: (n,) int32, place in the list that they come from, from 1; 0 where an item is not on it.
        sources: S.
        popular_source: The source whose list that is; None where it is none's.
    """
    count = len(rows)
    scores = np.where(ranks > 0, 1.0 / np.maximum(ranks, 1), 0.0).astype(np.float32)
    source_scores = np.zeros((count, sources), np.float32)
    source_ranks = np.zeros((count, sources), np.int32)
    if popular_source is not None:
        source_scores[:, popular_source] = scores
        source_ranks[:, popular_source] = ranks
    return Slate(rows, scores, scores, source_scores, source_ranks)


def cut(candidates: Candidates, scores: F32 | None, order: I64, counts: I64) -> list[Slate]:
    """Cut slates from candidates.

    Args:
        candidates: Merged proposals, in retrieval order.
        scores: (B, N) float32, finite; None: the retrieval scores are shown.
        order: (B, K) int64, columns of the candidates.
        counts: (B,) int64, how many of its columns each request takes.

    Returns:
        A slate a request.
    """
    best = Candidates(
        np.empty(order.shape, np.int32),
        np.empty((*order.shape, candidates.scores.shape[2]), np.float32),
        np.empty((*order.shape, candidates.scores.shape[2]), np.int32),
    )
    relative = np.empty(order.shape, np.float32)
    _gather(candidates.rows, candidates.scores, candidates.ranks, order, best.rows, best.scores, best.ranks, relative)
    shown = relative if scores is None else np.take_along_axis(scores, order, axis=1)
    slates = []
    for request, count in enumerate(counts.tolist()):
        # Views of what was gathered for the whole batch: they cost next to nothing.
        part = (request, slice(count))
        slates.append(Slate(best.rows[part], shown[part], relative[part], best.scores[part], best.ranks[part]))
    return slates


@compiled(
    given(INT, 2),
    given(FLOAT, 3),
    given(INT, 3),
    given(LONG, 2),
    filled(INT, 2),
    filled(FLOAT, 3),
    filled(INT, 3),
    filled(FLOAT, 2),
)
def _gather(
    rows: I32, scores: F32, ranks: I32, order: I64, best_rows: I32, best_scores: F32, best_ranks: I32, relative: F32
) -> None:
    """Take (B, K) columns; `relative` is the best score of an item's sources, each over that source's best, 0 to 1."""
    sources = scores.shape[2]
    divisors = np.empty(sources, np.float32)
    for request in range(len(rows)):
        put_divisors(scores, request, divisors)
        for place in range(order.shape[1]):
            column = order[request, place]
            best_rows[request, place] = rows[request, column]
            best_scores[request, place] = scores[request, column]
            best_ranks[request, place] = ranks[request, column]
            share = np.float32(0.0)
            for source in range(sources):
                share = max(share, scores[request, column, source] / divisors[source])
            relative[request, place] = min(share, np.float32(1.0))
