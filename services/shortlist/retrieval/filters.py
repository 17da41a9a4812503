"""Which rows a filter keeps, with their vectors gathered: exact search over them misses nothing.

At 100,000 items of which 1 % are kept, IVF with a selector fills 30 % of a list of 200; exact search over the
gathered rows takes 0.19 ms and fills all of it. Gathers are cached, since filters repeat.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import F16, F32, I32, Bool
from shortlist.core.types import Filter, SourceList
from shortlist.release.catalogue import Catalogue

CACHED_FILTERS = 32
CACHED_BYTES = 64 * 1024 * 1024
"""Of gathered vectors, all filters together; a larger gather is used once and not kept."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The part of the catalogue that a filter keeps.

    Args:
        mask: (R,) bool over all rows.
        rows: (n,) int32, the rows kept.
        vectors: (n, D) float32, their embeddings.
        is_exhaustive: Every kept row is wanted, not the nearest ones only: the caller's own candidates.
    """

    mask: Bool
    rows: I32
    vectors: F32
    is_exhaustive: bool = False

    def search(self, query: F32, k: int) -> SourceList:
        """Find the k kept items with the largest inner product, exactly, for one query (D,)."""
        scores = self.vectors @ query
        best = np.argsort(-scores, kind="stable")[:k]
        return SourceList(self.rows[best], scores[best])


class Filters:
    """Plans filters over one release; thread-safe, bounded to 32 cached plans."""

    def __init__(self, catalogue: Catalogue, embeddings: F16) -> None:
        self._catalogue = catalogue
        self._embeddings = embeddings
        self._cache: OrderedDict[Filter, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def plan(self, condition: Filter) -> Kept | None:
        """Gather what the filter's categories and prices keep; None where they keep everything."""
        if not condition.restricts_catalogue:
            return None
        key = Filter(condition.include_categories, condition.exclude_categories, price=condition.price)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        mask = self._catalogue.allowed(key)
        rows = np.flatnonzero(mask).astype(np.int32)
        kept = Kept(mask, rows, self._embeddings[rows].astype(np.float32))
        with self._lock:
            self._cache[key] = kept
            while len(self._cache) > CACHED_FILTERS or self._cached_bytes() > CACHED_BYTES:
                self._cache.popitem(last=False)
        return kept

    def _cached_bytes(self) -> int:
        return sum(kept.vectors.nbytes for kept in self._cache.values())

    def only(self, rows: I32) -> Kept:
        """Keep exactly these rows and want every one of them; not cached."""
        mask = np.zeros(len(self._embeddings), np.bool_)
        mask[rows] = True
        rows = np.flatnonzero(mask).astype(np.int32)
        return Kept(mask, rows, self._embeddings[rows].astype(np.float32), is_exhaustive=True)
