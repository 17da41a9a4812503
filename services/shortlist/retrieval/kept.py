"""What a filter keeps of a catalogue, and exact search over it, which misses nothing at any selectivity."""

from dataclasses import dataclass
from functools import cached_property

import faiss
import numpy as np

from shortlist.core.arrays import F16, F32, I32, U8, Bool
from shortlist.core.types import FIRST_ITEM_ROW, SourceList

GATHERED_BYTES = 32 * 1024 * 1024
"""Of one filter's vectors: 131,072 of 64 dimensions, over which a search takes 1 ms. More are gathered by blocks."""
_BLOCK_ROWS = 16_384


@dataclass(frozen=True, eq=False)
class Kept:
    """The part of the catalogue that a filter keeps; what is derived is made once, when it is first asked for.

    Two are equal where they are the same object, so that requests with one filter can share a search.

    Args:
        mask: (R,) bool over all rows; rows 0 and 1 are False.
        embeddings: (R, D) float16, of all rows.
        is_exhaustive: Every kept row is wanted, not the nearest ones only: the caller's own candidates.
    """

    mask: Bool
    embeddings: F16
    is_exhaustive: bool = False

    @cached_property
    def count(self) -> int:
        """Count the rows kept."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def rows(self) -> I32:
        """List the rows kept, ascending: (n,) int32."""
        return np.flatnonzero(self.mask).astype(np.int32)

    @cached_property
    def vectors(self) -> F32:
        """Gather the embeddings of the rows kept: (n, D) float32; only where `is_gatherable`."""
        return self.embeddings[self.rows].astype(np.float32)

    @cached_property
    def position_bits(self) -> U8:
        """Pack what FAISS's selector asks: bit p of byte p / 8, little-endian, is index position p, row p + 2."""
        return np.packbits(self.mask[FIRST_ITEM_ROW:], bitorder="little")

    @property
    def is_gatherable(self) -> bool:
        """Whether the gathered vectors are few enough bytes to be held."""
        return bool(4 * self.count * self.embeddings.shape[1] <= GATHERED_BYTES)

    @property
    def size_bytes(self) -> int:
        """Bound what it holds once all is derived, the embeddings of all rows aside."""
        per_row = 4 + (4 * self.embeddings.shape[1] if self.is_gatherable else 0)
        return self.mask.nbytes + self.mask.nbytes // 8 + per_row * self.count

    def search(self, queries: F32, k: int) -> SourceList:
        """Find the k kept items with the largest inner product, exactly, for queries (B, D); (B, k), 0 pads."""
        listed = _nothing(len(queries), k)
        if self.is_gatherable:
            _put(listed, *nearest(queries, self.vectors, self.rows, k))
            return listed
        rows, scores = listed.rows[:, :0], listed.scores[:, :0]
        for start in range(0, self.count, _BLOCK_ROWS):
            block = self.rows[start : start + _BLOCK_ROWS]
            found = nearest(queries, self.embeddings[block].astype(np.float32), block, k)
            rows, scores = np.hstack([rows, found[0]]), np.hstack([scores, found[1]])
            best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            rows, scores = np.take_along_axis(rows, best, 1), np.take_along_axis(scores, best, 1)
        _put(listed, rows, scores)
        return listed

    def drop_others(self, found: SourceList, k: int) -> SourceList:
        """Drop what is not kept from lists (B, M), close the gaps and cut or pad to (B, k)."""
        is_kept = self.mask[found.rows]
        order = np.argsort(~is_kept, axis=1, kind="stable")[:, :k]
        rows, scores = (np.where(is_kept, array, 0) for array in (found.rows, found.scores))
        listed = _nothing(len(rows), k)
        _put(listed, np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1))
        return listed

    def fill_up(self, found: SourceList, queries: F32, k: int) -> SourceList:
        """Search again, exactly, for those queries whose list is shorter than what is kept could make it."""
        short = np.flatnonzero(np.count_nonzero(found.rows, axis=1) < min(k, self.count))
        if len(short):
            exact = self.search(queries[short], k)
            found.rows[short], found.scores[short] = exact.rows, exact.scores
        return found


def _nothing(queries: int, k: int) -> SourceList:
    return SourceList(np.zeros((queries, k), np.int32), np.zeros((queries, k), np.float32))


def nearest(queries: F32, vectors: F32, rows: I32, k: int) -> tuple[I32, F32]:
    """Find the nearest among some rows' vectors, all of them where they are fewer than k."""
    if not len(rows):
        return np.zeros((len(queries), 0), np.int32), np.zeros((len(queries), 0), np.float32)
    # FAISS counts threads for each calling thread. NumPy's product would wait for threads of its own: 8 ms, not 0.1.
    faiss.omp_set_num_threads(1)
    scores, places = faiss.knn(queries, vectors, min(k, len(rows)), metric=faiss.METRIC_INNER_PRODUCT)
    return rows[places], scores


def _put(listed: SourceList, rows: I32, scores: F32) -> None:
    listed.rows[:, : rows.shape[1]], listed.scores[:, : rows.shape[1]] = rows, scores
