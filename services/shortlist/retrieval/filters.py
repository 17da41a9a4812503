"""Which rows a filter keeps, remembered, since filters repeat: the gateway's by condition, a service's by bitmap."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from shortlist.core.arrays import F16, I32
from shortlist.core.errors import InvalidRequestError
from shortlist.core.types import FIRST_ITEM_ROW, Filter
from shortlist.release.catalogue import Catalogue
from shortlist.retrieval.kept import Kept

CACHED_FILTERS = 32
CACHED_BYTES = 128 * 1024 * 1024
"""Of all filters together, their gathered vectors included; four of the largest."""

_Key = TypeVar("_Key")


class KeptCache(Generic[_Key]):
    """Remembers what filters keep, those asked for last; thread-safe."""

    def __init__(self) -> None:
        self._held: OrderedDict[_Key, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _Key, make: Callable[[], Kept]) -> Kept:
        """Look a filter up or make it; of two threads that make it at once both get the first one's."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()
        with self._lock:
            kept = self._held.setdefault(key, made)
            while (
                len(self._held) > CACHED_FILTERS or sum(held.size_bytes for held in self._held.values()) > CACHED_BYTES
            ):
                self._held.popitem(last=False)
            return kept


class Filters:
    """Finds what conditions keep of one release; thread-safe, bounded in number and bytes."""

    def __init__(self, catalogue: Catalogue, embeddings: F16) -> None:
        self._catalogue = catalogue
        self._embeddings = embeddings
        self._cache: KeptCache[Filter] = KeptCache()

    def plan(self, condition: Filter) -> Kept | None:
        """Find what the filter's categories and prices keep; None where they keep everything."""
        if not condition.restricts_catalogue:
            return None
        key = Filter(condition.include_categories, condition.exclude_categories, price=condition.price)
        return self._cache.get(key, lambda: Kept(self._catalogue.allowed(key), self._embeddings))

    def only(self, rows: I32) -> Kept:
        """Keep exactly these rows and want every one of them; not cached."""
        mask = np.zeros(len(self._embeddings), np.bool_)
        mask[rows] = True
        return Kept(mask, self._embeddings, is_exhaustive=True)


class Bitmaps:
    """Finds what the bitmaps of RetrievalService keep; thread-safe, bounded in number and bytes.

    Args:
        embeddings: (R, D) float16 of the release.
    """

    def __init__(self, embeddings: F16) -> None:
        self._embeddings = embeddings
        self._cache: KeptCache[bytes] = KeptCache()

    def plan(self, allowed_rows: bytes) -> Kept | None:
        """Read a bitmap over the release's rows; None where it is empty, which allows every row.

        Raises:
            InvalidRequestError: it is of another length, or allows a row that is no item.
        """
        return self._cache.get(allowed_rows, lambda: self._read(allowed_rows)) if allowed_rows else None

    def _read(self, allowed_rows: bytes) -> Kept:
        rows = len(self._embeddings)
        size_bytes = -(-rows // 8)
        if len(allowed_rows) != size_bytes:
            raise InvalidRequestError(
                "allowed_rows", f"must have {size_bytes} bytes, a bit for each of {rows} rows, got {len(allowed_rows)}"
            )
        bits = np.unpackbits(np.frombuffer(allowed_rows, np.uint8), bitorder="little").astype(np.bool_)
        if bits[:FIRST_ITEM_ROW].any() or bits[rows:].any():
            raise InvalidRequestError("allowed_rows", f"allows a row that is no item; items are 2 to {rows - 1}")
        return Kept(bits[:rows], self._embeddings)


def bitmap_of(kept: Kept) -> bytes:
    """Write what `Bitmaps` reads."""
    return np.packbits(kept.mask, bitorder="little").tobytes()
