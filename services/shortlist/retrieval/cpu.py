"""The FAISS index on the CPU.

Whatever kind a release brings; how it is searched (nprobe, efSearch, the factor of a refinement) is read from its file,
where FAISS keeps it. Never with a selector: a filter that keeps few items would starve lists and graphs alike, so
`filters` searches what is kept exactly.
"""

import math
from pathlib import Path

import faiss
import numpy as np

from shortlist.core.arrays import F32, I64
from shortlist.core.errors import ReleaseRefusedError, UnavailableError
from shortlist.core.types import FIRST_ITEM_ROW, SourceList

TUNED_AT = 200
"""The length of list that a release's nprobe was tuned for; longer ones search more inverted lists."""


def read_index(path: Path, dimension: int, items: int) -> faiss.Index:
    """Load an index whose checksum was verified before.

    Raises:
        ReleaseRefusedError: FAISS cannot read it, or its size is not the release's.
    """
    try:
        index = faiss.read_index(str(path))
    except RuntimeError as error:
        raise ReleaseRefusedError(path, f"FAISS cannot read it: {error}") from error
    if index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise ReleaseRefusedError(path, "does not search by inner product")
    if (index.ntotal, index.d) != (items, dimension):
        raise ReleaseRefusedError(
            path, f"holds {index.ntotal} vectors of {index.d} dimensions, the release has {items} of {dimension}"
        )
    return index


def rows_of(positions: I64, scores: F32) -> SourceList:
    """Turn FAISS's positions into item rows; its -1 ("nothing more") becomes padding with score 0."""
    rows = np.where(positions < 0, 0, positions + FIRST_ITEM_ROW).astype(np.int32)
    return SourceList(rows, np.where(rows > 0, scores, np.float32(0.0)))


class CpuIndex:
    """Searches on the calling thread; FAISS lets go of the interpreter's lock meanwhile."""

    device = "cpu"

    def __init__(self, index: faiss.Index) -> None:
        self._index: faiss.Index | None = index
        self.dimension: int = index.d
        self._size: int = index.ntotal
        self._nprobe: int | None = index.nprobe if isinstance(index, faiss.IndexIVF) else None

    def __len__(self) -> int:
        return self._size

    def search(self, queries: F32, k: int) -> SourceList:
        """Search; see the port."""
        index = self._index
        if index is None:
            raise UnavailableError("index", "closed")
        # Batch workers are the threads, and FAISS counts its own for each calling thread; this takes 0.1 us.
        faiss.omp_set_num_threads(1)
        try:
            scores, positions = index.search(queries, k, params=self._parameters(k))
        except (RuntimeError, AssertionError, ValueError) as error:
            raise UnavailableError("index", str(error)) from error
        return rows_of(positions, scores)

    def _parameters(self, k: int) -> faiss.SearchParametersIVF | None:
        """Search more inverted lists for more items than were tuned for, by the square root; that keeps the recall."""
        if self._nprobe is None or k <= TUNED_AT:
            return None
        parameters = faiss.SearchParametersIVF()
        # FAISS searches all of them where this is more than there are.
        parameters.nprobe = math.ceil(self._nprobe * math.sqrt(k / TUNED_AT))
        return parameters

    def close(self) -> None:
        """Drop the index; searches under way keep it until they end."""
        self._index = None
