"""The last step of the ladder, and the cold start: the release's popular items, filtered, by rules and diversity."""

from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import I32, Bool
from shortlist.core.rules import NO_RULES, RowRules
from shortlist.core.types import Query
from shortlist.gateway.selection import Directions, select
from shortlist.gateway.slate import Slate, in_order
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.merge import NOTHING_GONE


class Fallback:
    """Answers without any dependency.

    Args:
        popular: (P,) int32, best first.
        sources: Names of the sources, in the order of the release's schema.
        directions: Asked where a request wants diversity.
    """

    def __init__(self, popular: I32, sources: Sequence[str], directions: Directions) -> None:
        self._popular, self._sources, self._directions = popular, len(sources), directions
        self._popular_source = list(sources).index("popular") if "popular" in sources else None

    def slate(
        self, query: Query, excluded: I32, kept: Kept | None, rules: RowRules = NO_RULES, is_gone: Bool = NOTHING_GONE
    ) -> Slate:
        """List the popular items that the request allows; what is pinned, or the caller's own, follows in row order."""
        popular = _allowed(self._popular, excluded, kept, is_gone)
        others = kept.rows if kept is not None and kept.is_exhaustive else rules.pinned
        rows = np.concatenate([popular, np.setdiff1d(_allowed(others, excluded, kept, is_gone), popular)])
        order, counts = select([query], rows[None], None, rules, self._directions)
        places = order[0, : counts[0]]
        ranks = np.where(places < len(popular), places + 1, 0).astype(np.int32)
        return in_order(rows[places], ranks, self._sources, self._popular_source)


def _allowed(rows: I32, excluded: I32, kept: Kept | None, is_gone: Bool) -> I32:
    if len(is_gone):
        rows = rows[~is_gone[rows]]
    if kept is not None:
        rows = rows[kept.mask[rows]]
    return rows[~np.isin(rows, excluded)]
