"""The FAISS index on a GPU: float16, one owner thread, k within what the device can do.

FAISS's GPU indexes are not safe even for concurrent reads (https://github.com/facebookresearch/faiss/wiki/Threads-and-
asynchronous-calls), so a single thread owns the index and callers wait for it; there are never more of them than
batch workers, which bounds the queue. On the device k ends at 2,048
(https://github.com/facebookresearch/faiss/wiki/Faiss-on-the-GPU) and there is no selector:
where a filter keeps much, more is fetched and the rest dropped.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import faiss

from shortlist.core.arrays import F32
from shortlist.core.errors import UnavailableError
from shortlist.core.types import SourceList
from shortlist.retrieval.cpu import lists_parameters, rows_of
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.plan import Reach, plan_search

MAX_K = 2048
_SEARCH_TIMEOUT_S = 10.0
_REACH = Reach(visited=None, most_k=MAX_K)

ToGpu = Callable[[faiss.Index], Any]
"""Copies a CPU index to the device; runs on the owner thread."""


def to_gpu(index: faiss.Index, device: int = 0) -> Any:
    """Copy an index to a CUDA device as float16."""
    resources = faiss.StandardGpuResources()
    options = faiss.GpuClonerOptions()
    options.useFloat16 = True
    moved: Any = faiss.index_cpu_to_gpu(resources, device, index, options)
    # FAISS does not keep the resources alive; the index is useless without them.
    moved.shortlist_resources = resources
    return moved


def gpu_count() -> int:
    """Count the CUDA devices that FAISS sees; 0 with the CPU build."""
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


def is_movable(index: faiss.Index) -> bool:
    """Tell whether FAISS has this kind of index for a GPU (faiss/gpu/GpuCloner.cpp)."""
    kinds = (faiss.IndexFlat, faiss.IndexIVFFlat, faiss.IndexIVFScalarQuantizer, faiss.IndexIVFPQ)
    is_fp16 = isinstance(index, faiss.IndexScalarQuantizer) and index.sq.qtype == faiss.ScalarQuantizer.QT_fp16
    return isinstance(index, kinds) or is_fp16


class GpuIndex:
    """Searches on the device; callers on any thread wait for the owner.

    Args:
        index: The CPU index; dropped once it is copied.
        move: Copies it to the device.
    """

    device = "cuda"

    def __init__(self, index: faiss.Index, move: ToGpu = to_gpu) -> None:
        self.dimension: int = index.d
        self._size: int = index.ntotal
        self._nprobe: int | None = index.nprobe if isinstance(index, faiss.IndexIVF) else None
        self._owner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gpu-index")
        try:
            self._index = self._owner.submit(move, index).result()
        except Exception as error:
            self._owner.shutdown()
            raise UnavailableError("index", f"the GPU took no index: {error}") from error

    def __len__(self) -> int:
        return self._size

    def search(self, queries: F32, k: int, kept: Kept | None = None) -> SourceList:
        """Search; see the port. Without a filter more than 2,048 items a query cannot be had."""
        if kept is None:
            return self._search(queries, k)
        plan = plan_search(self._size, kept.count, k, _REACH, is_gatherable=kept.is_gatherable)
        if plan.route == "exact":
            return kept.search(queries, k)
        return kept.fill_up(kept.drop_others(self._search(queries, plan.k), k), queries, k)

    def _search(self, queries: F32, k: int) -> SourceList:
        index = self._index
        if index is None:
            raise UnavailableError("index", "closed")
        try:
            found = self._owner.submit(self._on_device, index, queries, min(k, MAX_K))
        except RuntimeError as error:
            raise UnavailableError("index", "closed") from error
        try:
            scores, positions = found.result(_SEARCH_TIMEOUT_S)
        except Exception as error:
            raise UnavailableError("index", f"the GPU search failed: {error}") from error
        return rows_of(positions, scores)

    def _on_device(self, index: Any, queries: F32, k: int) -> Any:
        parameters = None if self._nprobe is None else lists_parameters(min(self._nprobe, MAX_K), k)
        if parameters is None:
            return index.search(queries, k)
        parameters.nprobe = min(parameters.nprobe, MAX_K)
        return index.search(queries, k, params=parameters)

    def close(self) -> None:
        """Let the owner finish and free the device's memory."""
        self._owner.shutdown(wait=True)
        self._index = None
