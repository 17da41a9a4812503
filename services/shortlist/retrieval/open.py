"""Open the index of a release on the device that was asked for."""

import logging
from typing import Literal

from shortlist.core.errors import StartError
from shortlist.release.bundle import Release
from shortlist.retrieval.cpu import CpuIndex, read_index
from shortlist.retrieval.gpu import GpuIndex, gpu_count, is_movable
from shortlist.retrieval.port import ItemIndex

Device = Literal["auto", "cpu", "cuda"]
_LOGGER = logging.getLogger(__name__)


def open_index(release: Release, device: Device) -> ItemIndex:
    """Load the index; "auto" takes a GPU where FAISS sees one.

    Raises:
        ReleaseRefusedError: the index is not the release's.
        StartError: "cuda" was asked for and there is none, or none that takes this kind of index.
    """
    has_gpu = gpu_count() > 0
    if device == "cuda" and not has_gpu:
        raise StartError("SHORTLIST_RETRIEVAL_DEVICE=cuda, but FAISS sees no GPU: install shortlist[gpu] and a driver")
    index = read_index(release.index_path, release.manifest.embedding_dimension, release.manifest.item_count)
    if not has_gpu or device == "cpu":
        return CpuIndex(index)
    if is_movable(index):
        return GpuIndex(index)
    reason = f"no GPU takes the release's {type(index).__name__}"
    if device == "cuda":
        raise StartError(f"SHORTLIST_RETRIEVAL_DEVICE=cuda, but {reason}")
    _LOGGER.warning("searching on the CPU: %s", reason)
    return CpuIndex(index)
