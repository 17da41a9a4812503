from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest

from shortlist.core.errors import ReleaseRefusedError, StartError
from shortlist.release.bundle import Release
from shortlist.retrieval import open as opening
from shortlist.retrieval.cpu import read_index
from shortlist.retrieval.gpu import GpuIndex
from shortlist.retrieval.open import open_index
from support.tiny_release import DIMENSION, ITEMS


def test_the_index_of_a_release_holds_its_items(tiny_release: Release) -> None:
    index = open_index(tiny_release, "cpu")
    assert (len(index), index.dimension, index.device) == (ITEMS, DIMENSION, "cpu")


def test_cuda_without_a_gpu_does_not_start(tiny_release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "gpu_count", lambda: 0)
    with pytest.raises(StartError, match="FAISS sees no GPU"):
        open_index(tiny_release, "cuda")


def test_auto_takes_the_cpu_where_there_is_no_gpu(tiny_release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "gpu_count", lambda: 0)
    assert open_index(tiny_release, "auto").device == "cpu"


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_gpu_is_taken_where_there_is_one(
    tiny_release: Release, monkeypatch: pytest.MonkeyPatch, device: opening.Device
) -> None:
    monkeypatch.setattr(opening, "gpu_count", lambda: 1)
    monkeypatch.setattr(opening, "GpuIndex", lambda index: GpuIndex(index, move=lambda same: same))
    index = open_index(tiny_release, device)
    assert index.device == "cuda"
    index.close()


def test_an_index_of_another_size_is_refused(tiny_release: Release) -> None:
    with pytest.raises(ReleaseRefusedError, match="holds 120 vectors of 16 dimensions, the release has 119 of 16"):
        read_index(tiny_release.index_path, DIMENSION, ITEMS - 1)


def test_an_index_of_another_dimension_is_refused(tiny_release: Release) -> None:
    with pytest.raises(ReleaseRefusedError, match="16 dimensions, the release has 120 of 8"):
        read_index(tiny_release.index_path, 8, ITEMS)


def test_an_index_of_another_metric_is_refused(tmp_path: Path) -> None:
    index = faiss.IndexFlatL2(DIMENSION)
    index.add(np.zeros((ITEMS, DIMENSION), np.float32))
    faiss.write_index(index, str(tmp_path / "items.faiss"))
    with pytest.raises(ReleaseRefusedError, match="inner product"):
        read_index(tmp_path / "items.faiss", DIMENSION, ITEMS)


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_file_that_is_no_index_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "items.faiss"
    path.write_bytes(content)
    with pytest.raises(ReleaseRefusedError, match="FAISS cannot read it"):
        read_index(path, DIMENSION, ITEMS)


@pytest.fixture
def with_a_graph(tiny_release: Release, tmp_path: Path) -> Release:
    """Give the tiny release an index that no GPU takes."""
    index = faiss.IndexHNSWFlat(DIMENSION, 8, faiss.METRIC_INNER_PRODUCT)
    index.add(tiny_release.items.embeddings[2:].astype(np.float32))
    faiss.write_index(index, str(tmp_path / "items.faiss"))
    return replace(tiny_release, path=tmp_path)


def test_an_index_that_no_gpu_takes_does_not_start_on_one(
    with_a_graph: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "gpu_count", lambda: 1)
    with pytest.raises(StartError, match="no GPU takes the release's IndexHNSWFlat"):
        open_index(with_a_graph, "cuda")


def test_auto_searches_an_index_that_no_gpu_takes_on_the_cpu(
    with_a_graph: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "gpu_count", lambda: 1)
    assert open_index(with_a_graph, "auto").device == "cpu"
