"""The FAISS index on the CPU.

Whatever kind a release brings; how it is searched (nprobe, efSearch, the factor of a refinement) is read from its file,
where FAISS keeps it. A filter that keeps much is FAISS's selector, with more lists searched; one that keeps little
would starve lists, and any would starve a graph: `plan` decides.
"""

import math
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from shortlist.core.arrays import F32, I64
from shortlist.core.errors import ReleaseRefusedError, UnavailableError
from shortlist.core.types import FIRST_ITEM_ROW, SourceList
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.plan import Reach, plan_search

TUNED_AT = 200
"""The length of list that a release's nprobe was tuned for; longer ones search more inverted lists."""


def read_index(path: Path, dimension: int, items: int) -> faiss.Index:
    """Map an index whose checksum was verified before; processes that open the same file share its pages.

    The file must stay as it is: whoever writes another renames it over this one. Nothing can be added to the index.

    Raises:
        ReleaseRefusedError: FAISS cannot read it, or its size is not the release's.
    """
    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
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


_FAISS: Any = faiss  # its stubs lack the constructors that take a selector or an array
_LISTS = (faiss.IndexIVFFlat, faiss.IndexIVFScalarQuantizer, faiss.IndexIVFPQ)
_SCANS = (faiss.IndexFlat, faiss.IndexScalarQuantizer)
"""Indexes that take a selector."""


def lists_parameters(nprobe: int, k: int, widening: float = 1.0, selector: Any = None) -> Any:
    """Say how to search inverted lists; None: as they are set. FAISS searches all where told more than there are."""
    widening *= _longer(k)
    if widening == 1.0 and selector is None:
        return None
    return _FAISS.SearchParametersIVF(sel=selector, nprobe=math.ceil(nprobe * widening))


class CpuIndex:
    """Searches on the calling thread; FAISS lets go of the interpreter's lock meanwhile."""

    device = "cpu"

    def __init__(self, index: faiss.Index) -> None:
        self._index: faiss.Index | None = index
        self.dimension: int = index.d
        self._size: int = index.ntotal
        self._nprobe: int | None = index.nprobe if isinstance(index, faiss.IndexIVF) else None
        self._ef_search: int | None = index.hnsw.efSearch if isinstance(index, faiss.IndexHNSW) else None
        self._visited: float | None = None
        """Share of the items that an unfiltered search looks at; None where a selector would starve."""
        if isinstance(index, _LISTS):
            self._visited = min(1.0, index.nprobe / index.nlist)
        elif isinstance(index, _SCANS):
            self._visited = 1.0

    def __len__(self) -> int:
        return self._size

    def search(self, queries: F32, k: int, kept: Kept | None = None) -> SourceList:
        """Search; see the port."""
        if kept is None:
            return self._search(queries, k, self._parameters(k))
        reach = Reach(None if self._visited is None else min(1.0, self._visited * _longer(k)), self._size)
        plan = plan_search(self._size, kept.count, k, reach, is_gatherable=kept.is_gatherable)
        if plan.route == "exact":
            return kept.search(queries, k)
        if plan.route == "over-fetch":
            found = kept.drop_others(self._search(queries, plan.k, self._parameters(plan.k)), k)
        else:
            selector = _FAISS.IDSelectorBitmap(kept.position_bits)
            found = self._search(queries, k, self._parameters(k, plan.lists, selector))
        return kept.fill_up(found, queries, k)

    def _search(self, queries: F32, k: int, parameters: Any) -> SourceList:
        index = self._index
        if index is None:
            raise UnavailableError("index", "closed")
        # Batch workers are the threads, and FAISS counts its own for each calling thread; this takes 0.1 us.
        faiss.omp_set_num_threads(1)
        try:
            scores, positions = index.search(queries, k, params=parameters)
        except (RuntimeError, AssertionError, ValueError) as error:
            raise UnavailableError("index", str(error)) from error
        return rows_of(positions, scores)

    def _parameters(self, k: int, widening: float = 1.0, selector: Any = None) -> Any:
        """Search more lists or a larger part of a graph for more items than were tuned for, or fewer kept."""
        if self._nprobe is not None:
            return lists_parameters(self._nprobe, k, widening, selector)
        if self._ef_search is not None and k > TUNED_AT:
            return _FAISS.SearchParametersHNSW(efSearch=math.ceil(self._ef_search * k / TUNED_AT))
        return None if selector is None else _FAISS.SearchParameters(sel=selector)

    def close(self) -> None:
        """Drop the index; searches under way keep it until they end."""
        self._index = None


def _longer(k: int) -> float:
    """Tell how many times the inverted lists a longer list of items needs; the square root keeps the recall."""
    return max(1.0, math.sqrt(k / TUNED_AT))
