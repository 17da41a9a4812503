"""The flat index beside the built one: exact search over the items that came after the release."""

import numpy as np

from shortlist.core.arrays import F32, I32
from shortlist.core.types import PADDING_ROW, SourceList
from shortlist.retrieval.kept import Kept, nearest
from shortlist.retrieval.port import Embeds, Retrieval

NEW_ARRIVALS = "new_arrivals"
ARRIVALS_QUOTA = 20


class NewArrivals:
    """Proposes those of the new items that are nearest to the user's query embedding, so that they get seen at all.

    Among all items they rarely are: what content does not say for sure lies near the mean, in a shorter direction.
    """

    name = NEW_ARRIVALS

    def __init__(self, tower: Embeds, quota: int = ARRIVALS_QUOTA) -> None:
        self._tower, self._quota = tower, quota

    def propose(self, retrieval: Retrieval) -> SourceList:
        """List the nearest; see the port. While there are no new items nothing is embedded."""
        arrivals = retrieval.arrivals
        if arrivals is None:
            nothing = (len(retrieval.kept), 0)
            return SourceList(np.zeros(nothing, np.int32), np.zeros(nothing, np.float32))
        queries, quotas = retrieval.queries(self._tower), retrieval.quotas(self._quota)
        width = min(int(quotas.max(initial=0)) + retrieval.excluded_at_most, arrivals.count)
        listed = SourceList(
            np.zeros((len(queries), width), np.int32), np.zeros((len(queries), width), np.float32), quotas
        )
        for kept, requests in retrieval.by_filter().items():
            rows, scores = search_arrivals(arrivals, queries[requests], width, kept)
            listed.rows[requests, : rows.shape[1]], listed.scores[requests, : rows.shape[1]] = rows, scores
        return listed


def search_arrivals(arrivals: Kept, queries: F32, k: int, kept: Kept | None) -> tuple[I32, F32]:
    """Find the new items with the largest inner product for each query, exactly.

    Args:
        arrivals: The new items.
        queries: (B, D) float32, C order.
        k: Items a query; all that there are, where they are fewer.
        kept: What the filter of all these queries keeps; None: everything.

    Returns:
        Rows and inner products, best first, each (B, k) or narrower.
    """
    rows, vectors = arrivals.rows, arrivals.vectors
    if kept is not None:
        is_kept = kept.mask[rows]
        rows, vectors = rows[is_kept], vectors[is_kept]
    return nearest(queries, vectors, rows, k)


def beside(arrivals: Kept, found: SourceList, rows: I32, scores: F32) -> SourceList:
    """Put what was found in two indexes into one list as long as the first, best first; a new item appears once."""
    all_rows, all_scores = np.hstack([found.rows, rows]), np.hstack([found.scores, scores])
    # A search over few kept rows is exact, and has found new items already.
    all_rows[:, : found.rows.shape[1]][arrivals.mask[found.rows]] = PADDING_ROW
    ranked = np.where(all_rows != PADDING_ROW, all_scores, -np.inf)
    best = np.argsort(-ranked, axis=1, kind="stable")[:, : found.rows.shape[1]]
    return SourceList(np.take_along_axis(all_rows, best, 1), np.take_along_axis(all_scores, best, 1))
