"""The GPU engine on a real device: `make gpu-check`, for a machine with a GPU and shortlist[gpu]."""

import faiss
import numpy as np
import pytest

from shortlist.retrieval.cpu import CpuIndex
from shortlist.retrieval.gpu import GpuIndex, gpu_count


@pytest.fixture
def flat() -> faiss.Index:
    vectors = np.random.default_rng(7).normal(size=(20_000, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(64)
    index.add(vectors)
    return index


def test_there_is_a_gpu() -> None:
    assert gpu_count() > 0, "FAISS sees no GPU: install shortlist[gpu] and a driver"


def test_the_device_finds_what_the_cpu_finds(flat: faiss.Index) -> None:
    queries = np.random.default_rng(8).normal(size=(32, 64)).astype(np.float32)
    expected = CpuIndex(flat).search(queries, 200)
    gpu = GpuIndex(flat)
    found = gpu.search(queries, 200)
    gpu.close()
    recall = np.mean([len(np.intersect1d(a, b)) / 200 for a, b in zip(found.rows, expected.rows, strict=True)])
    # float16 vectors reorder near ties at the end of a list
    assert recall >= 0.99


def test_a_list_ends_at_what_the_device_can_do(flat: faiss.Index) -> None:
    gpu = GpuIndex(flat)
    found = gpu.search(np.ones((1, 64), np.float32), 5000)
    gpu.close()
    assert found.rows.shape == (1, 2048)
