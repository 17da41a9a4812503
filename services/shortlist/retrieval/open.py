"""Open the index of a release on the device that was asked for."""

from typing import Literal

import faiss

from shortlist.core.errors import StartError
from shortlist.release.bundle import Release
from shortlist.retrieval.cpu import CpuIndex, read_index
from shortlist.retrieval.gpu import GpuIndex, gpu_count
from shortlist.retrieval.port import ItemIndex

Device = Literal["auto", "cpu", "cuda"]


def open_index(release: Release, device: Device) -> ItemIndex:
    """Load the index; "auto" takes a GPU where FAISS sees one.

    Raises:
        ReleaseRefusedError: the index is not the release's.
        StartError: "cuda" was asked for and there is none.
    """
    has_gpu = gpu_count() > 0
    if device == "cuda" and not has_gpu:
        raise StartError("SHORTLIST_RETRIEVAL_DEVICE=cuda, but FAISS sees no GPU: install shortlist[gpu] and a driver")
    # Batch workers are the threads; FAISS's own would only contend with them.
    faiss.omp_set_num_threads(1)
    index = read_index(release.index_path, release.manifest.embedding_dimension, release.manifest.item_count)
    return GpuIndex(index) if has_gpu and device != "cpu" else CpuIndex(index)
