from pathlib import Path

import faiss
import numpy as np
import pytest

from shortlist.core.arrays import F32
from shortlist.core.errors import InputError
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline import index_choice
from shortlist.offline.index_choice import LEAST_RECALL, ChosenIndex, choose_index
from shortlist.retrieval.cpu import TUNED_AT, CpuIndex, read_index
from support.vectors import DIMENSION, towers

ITEMS, FEW = 3000, 1000
EMBEDDINGS, QUERIES = towers(ITEMS, users=400)
TUNED_ON, UNSEEN = QUERIES[:300], QUERIES[300:]
VECTORS = EMBEDDINGS[FIRST_ITEM_ROW:].astype(np.float32)
FLOAT16_BYTES = ITEMS * 2 * DIMENSION


@pytest.fixture(scope="module")
def chosen() -> ChosenIndex:
    """Choose for more items than are searched exactly."""
    return choose_index(EMBEDDINGS, TUNED_ON, seed=7, exact_up_to=FEW)


def recall(index: CpuIndex, queries: F32, k: int) -> float:
    """Count how many of the k nearest are found, by brute force."""
    nearest = np.argsort(-(queries @ VECTORS.T), axis=1)[:, :k] + FIRST_ITEM_ROW
    found = index.search(queries, k).rows
    return float(np.mean([len(np.intersect1d(*pair)) / k for pair in zip(nearest, found, strict=True)]))


def test_few_items_are_searched_exactly() -> None:
    few = choose_index(EMBEDDINGS[: FIRST_ITEM_ROW + FEW], TUNED_ON, seed=7, exact_up_to=FEW)
    assert [(point.kind, point.nprobe, point.recall_at_200) for point in few.curve] == [("Flat", 0, 1.0)]
    assert few.chosen == few.curve[0]
    assert few.index.ntotal == FEW


def test_many_items_lie_in_lists_and_as_few_are_searched_as_give_the_recall(chosen: ChosenIndex) -> None:
    exact, *tried = chosen.curve
    assert exact.kind == "Flat"
    assert {point.kind for point in tried} == {"IVF64,SQfp16"}
    assert chosen.chosen == tried[-1]
    assert chosen.index.nprobe == chosen.chosen.nprobe == max(point.nprobe for point in tried) < 64
    assert [point.recall_at_200 >= LEAST_RECALL for point in tried] == [False] * (len(tried) - 1) + [True]


@pytest.mark.parametrize("queries", [UNSEEN, VECTORS[::30]], ids=["users", "items"])
@pytest.mark.parametrize("k", [120, TUNED_AT, 384])
def test_what_was_not_tuned_on_is_found_as_well(chosen: ChosenIndex, queries: F32, k: int) -> None:
    # A hundred queries leave a standard error of 0.003.
    assert recall(CpuIndex(chosen.index), queries, k) >= LEAST_RECALL - 0.01


def test_codes_of_eight_bits_are_taken_where_float16_does_not_fit(chosen: ChosenIndex) -> None:
    smaller = choose_index(EMBEDDINGS, TUNED_ON, seed=7, most_bytes=FLOAT16_BYTES, exact_up_to=FEW)
    assert smaller.chosen.kind == "IVF64,SQ8"
    assert smaller.chosen.recall_at_200 >= LEAST_RECALL
    assert smaller.chosen.bytes_per_vector * ITEMS <= FLOAT16_BYTES < chosen.chosen.bytes_per_vector * ITEMS


def test_few_items_lie_in_lists_where_plain_floats_do_not_fit() -> None:
    choice = choose_index(EMBEDDINGS, TUNED_ON, seed=7, most_bytes=FLOAT16_BYTES, exact_up_to=ITEMS)
    assert choice.chosen.kind == "IVF64,SQ8"


def test_where_no_lists_find_enough_many_items_are_searched_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_choice, "LEAST_RECALL", 1.1)
    choice = choose_index(EMBEDDINGS[: FIRST_ITEM_ROW + FEW], TUNED_ON, seed=7, exact_up_to=10)
    assert choice.chosen == choice.curve[0]
    assert {point.kind for point in choice.curve} == {"Flat", "IVF32,SQfp16", "IVF32,SQ8"}


def test_an_index_that_cannot_be_small_enough_is_refused_with_what_it_takes() -> None:
    with pytest.raises(InputError, match=r"3000 items in 1000 bytes finds 97% .* with float16 codes it takes \d+ byt"):
        choose_index(EMBEDDINGS, TUNED_ON, seed=7, most_bytes=1000, exact_up_to=FEW)


def test_a_seed_gives_one_index_whatever_the_clock_says(chosen: ChosenIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    monkeypatch.setattr("time.perf_counter", generator.random)
    again, other = (choose_index(EMBEDDINGS, TUNED_ON, seed=seed, exact_up_to=FEW) for seed in (7, 8))
    assert np.array_equal(faiss.serialize_index(again.index), faiss.serialize_index(chosen.index))
    assert not np.array_equal(faiss.serialize_index(other.index), faiss.serialize_index(chosen.index))


def test_what_is_served_searches_as_was_tuned(chosen: ChosenIndex, tmp_path: Path) -> None:
    chosen.write(tmp_path / "items.faiss")
    index = read_index(tmp_path / "items.faiss", DIMENSION, ITEMS)
    assert index.nprobe == chosen.chosen.nprobe
    served, tuned = CpuIndex(index).search(UNSEEN, TUNED_AT), CpuIndex(chosen.index).search(UNSEEN, TUNED_AT)
    assert np.array_equal(served.rows, tuned.rows)
    assert np.array_equal(served.scores, tuned.scores)
