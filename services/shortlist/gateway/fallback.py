"""The last step of the ladder, and the cold start: the release's popular items, filtered, in their order."""

from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import I32
from shortlist.core.types import Query
from shortlist.gateway.slate import Slate, in_order
from shortlist.retrieval.kept import Kept


class Fallback:
    """Answers without any dependency.

    Args:
        popular: (P,) int32, best first.
        sources: Names of the sources, in the order of the release's schema.
    """

    def __init__(self, popular: I32, sources: Sequence[str]) -> None:
        self._popular, self._sources = popular, len(sources)
        self._popular_source = list(sources).index("popular") if "popular" in sources else None

    def slate(self, query: Query, excluded: I32, kept: Kept | None) -> Slate:
        """List the popular items that the request allows; a caller's own candidates follow in row order."""
        rows = self._popular
        if kept is not None:
            rows = rows[kept.mask[rows]]
            if kept.is_exhaustive:
                rows = np.concatenate([rows, np.setdiff1d(kept.rows, rows)])
        rows = rows[~np.isin(rows, excluded)]
        return in_order(rows[: query.limit], self._sources, self._popular_source)
