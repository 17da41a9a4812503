"""Which rows a filter keeps, remembered, since filters repeat: the gateway's by condition, a service's by bitmap."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import numpy as np

from shortlist.core.arrays import F16, I32, Bool
from shortlist.core.errors import InvalidRequestError
from shortlist.core.types import FIRST_ITEM_ROW, Filter
from shortlist.release.catalogue import Catalogue
from shortlist.retrieval.kept import Kept

CACHED_FILTERS = 32
CACHED_BYTES = 128 * 1024 * 1024
"""Of all filters together, their gathered vectors included; four of the largest."""
MOST_DROPPED = 0.25
"""Up to this share of the items that are gone, lists without a filter are made longer by it, and what is gone dropped
from them: a filter would be made anew with every change."""
_ALL = slice(None)
_EVERYTHING = Filter()

_Key = TypeVar("_Key")


class KeptCache(Generic[_Key]):
    """Remembers what filters keep, those asked for last; thread-safe.

    Args:
        held: Remembered from the start, what was asked for last at the end.
    """

    def __init__(self, held: Iterable[tuple[_Key, Kept]] = ()) -> None:
        self._held: OrderedDict[_Key, Kept] = OrderedDict(held)
        self._lock = threading.Lock()

    def held(self) -> list[tuple[_Key, Kept]]:
        """List what is remembered, what was asked for last at the end."""
        with self._lock:
            return list(self._held.items())

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
    """Finds what conditions keep of one release; thread-safe, bounded in number and bytes.

    Args:
        catalogue: Attributes of R rows.
        embeddings: (R, D) float16.
        is_gone: (R,) bool, rows that nothing keeps; None: there are none.
        gone_share: How much of the items that is.
        held: What is known already.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        embeddings: F16,
        is_gone: Bool | None = None,
        gone_share: float = 0.0,
        held: Iterable[tuple[Filter, Kept]] = (),
    ) -> None:
        self._catalogue = catalogue
        self._embeddings = embeddings
        self._is_gone = is_gone
        self.gone_share = gone_share
        self._cache: KeptCache[Filter] = KeptCache(held)

    def plan(self, condition: Filter) -> Kept | None:
        """Find what the filter's categories and prices keep; None where they keep everything.

        Everything is what is not gone; where that is little, it is a filter too, and else it is dropped from the lists.
        """
        if not condition.restricts_catalogue and self.gone_share <= MOST_DROPPED:
            return None
        key = Filter(condition.include_categories, condition.exclude_categories, price=condition.price)
        return self._cache.get(key, lambda: Kept(self._kept(key), self._embeddings))

    def left(self) -> Kept:
        """Keep what is not gone."""
        return self._cache.get(_EVERYTHING, lambda: Kept(self._kept(_EVERYTHING), self._embeddings))

    def only(self, rows: I32) -> Kept:
        """Keep exactly these rows, unless they are gone, and want every one of them; not cached."""
        mask = np.zeros(len(self._embeddings), np.bool_)
        mask[rows] = True
        if self._is_gone is not None:
            mask &= ~self._is_gone
        return Kept(mask, self._embeddings, is_exhaustive=True)

    def changed(self, catalogue: Catalogue, is_gone: Bool, gone_share: float, rows: I32, placed: I32) -> "Filters":
        """Make the filters of a catalogue that differs in some rows; what keeps the same rows of them stays known.

        Args:
            catalogue: As it is now.
            is_gone: (R,) bool, as it is now.
            gone_share: How much of the items that is.
            rows: (n,) int32, rows whose attributes differ.
            placed: (m,) int32, those of them whose embeddings differ.
        """
        after = Filters(catalogue, self._embeddings, is_gone, gone_share)
        held = [
            (condition, kept)
            for condition, kept in self._cache.held()
            if np.array_equal(kept.mask[rows], after._kept(condition, rows)) and not kept.mask[placed].any()
        ]
        return Filters(catalogue, self._embeddings, is_gone, gone_share, held)

    def _kept(self, condition: Filter, rows: I32 | slice = _ALL) -> Bool:
        allowed = self._catalogue.allowed(condition, rows)
        return allowed if self._is_gone is None else allowed & ~self._is_gone[rows]


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


def bitmap_of(kept: Kept, rows: int | None = None) -> bytes:
    """Write what `Bitmaps` reads, of so many rows; a service knows none that came after the release."""
    return np.packbits(kept.mask[:rows], bitorder="little").tobytes()
