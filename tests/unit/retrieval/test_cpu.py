import threading
from pathlib import Path

import faiss
import numpy as np
import pytest

from shortlist.core.arrays import AnyArray
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.retrieval.cpu import TUNED_AT, CpuIndex, read_index
from support.vectors import DIMENSION, towers

ITEMS = 3000
EMBEDDINGS, QUERIES = towers(ITEMS, users=50)
VECTORS = EMBEDDINGS[FIRST_ITEM_ROW:].astype(np.float32)
PARAMETERS = {"nprobe": 5, "efSearch": 77, "k_factor_rf": 3.0}


def filled(kind: str, **parameters: float) -> faiss.Index:
    """Make an index that searches as told."""
    index = faiss.index_factory(DIMENSION, kind, faiss.METRIC_INNER_PRODUCT)
    index.train(VECTORS)
    index.add(VECTORS)
    for name, value in parameters.items():
        faiss.ParameterSpace().set_index_parameter(index, name, value)
    return index


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("IVF32,SQfp16", ["nprobe"]),
        ("IVF32,SQ8", ["nprobe"]),
        ("HNSW16,SQfp16", ["efSearch"]),
        ("IVF32,PQ16x4fs,Refine(SQfp16)", ["nprobe", "k_factor_rf"]),
    ],
)
def test_how_an_index_is_searched_travels_in_its_file(kind: str, parameters: list[str], tmp_path: Path) -> None:
    tuned, path = filled(kind, **{name: PARAMETERS[name] for name in parameters}), tmp_path / "items.faiss"
    faiss.write_index(tuned, str(path))
    served = CpuIndex(read_index(path, DIMENSION, ITEMS)).search(QUERIES, 100)
    assert np.array_equal(served.rows, tuned.search(QUERIES, 100)[1] + FIRST_ITEM_ROW)
    # Otherwise the parameters decide nothing here.
    assert not np.array_equal(served.rows, filled(kind).search(QUERIES, 100)[1] + FIRST_ITEM_ROW)


@pytest.mark.parametrize("kind", ["Flat", "SQfp16", "IVF32,SQfp16", "HNSW16,SQfp16", "IVF32,PQ16x4fs,Refine(SQfp16)"])
def test_more_than_the_index_gives_is_padded_at_the_end(kind: str) -> None:
    found = CpuIndex(filled(kind)).search(QUERIES, ITEMS + 100)
    assert found.rows.shape == (len(QUERIES), ITEMS + 100)
    for rows, scores in zip(found.rows, found.scores, strict=True):
        held = np.count_nonzero(rows)
        assert 0 < held <= ITEMS
        assert len(np.unique(rows[:held])) == held
        assert not rows[held:].any()
        assert not scores[held:].any()


def recall(rows: AnyArray, k: int) -> float:
    """Count how many of the k nearest were found."""
    nearest = np.argsort(-(QUERIES @ VECTORS.T), axis=1)[:, :k] + FIRST_ITEM_ROW
    return float(np.mean([len(np.intersect1d(*pair)) / k for pair in zip(nearest, rows, strict=True)]))


@pytest.mark.parametrize("k", [2 * TUNED_AT, 4 * TUNED_AT])
def test_a_longer_list_is_as_complete_as_the_one_that_was_tuned_for(k: int) -> None:
    index = filled("IVF64,SQfp16", nprobe=24)
    served = CpuIndex(index)
    tuned_for = recall(served.search(QUERIES, TUNED_AT).rows, TUNED_AT)
    assert recall(served.search(QUERIES, k).rows, k) >= tuned_for > recall(index.search(QUERIES, k)[1] + 2, k)


def test_a_list_of_everything_searches_no_more_lists_than_there_are() -> None:
    served = CpuIndex(filled("IVF64,SQfp16", nprobe=48))
    assert (np.sort(served.search(QUERIES, ITEMS).rows, axis=1) == np.arange(ITEMS) + FIRST_ITEM_ROW).all()


def test_a_search_keeps_to_the_thread_that_asked() -> None:
    index, counted = CpuIndex(filled("Flat")), []

    def ask() -> None:
        faiss.omp_set_num_threads(2)  # as FAISS would on a new thread of a machine with two cores
        index.search(QUERIES, 5)
        counted.append(faiss.omp_get_max_threads())

    caller = threading.Thread(target=ask)
    caller.start()
    caller.join()
    assert counted == [1]
