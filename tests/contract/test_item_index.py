"""The contract of an item index, the same on the CPU, on the GPU and behind a service; the device is played here."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import faiss
import numpy as np
import pytest

from shortlist.core.arrays import F16, F32, Bool
from shortlist.core.errors import UnavailableError
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.retrieval import kept as kept_rows
from shortlist.retrieval.cpu import CpuIndex
from shortlist.retrieval.gpu import MAX_K, GpuIndex
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.port import ItemIndex
from shortlist.rpc.server import FrontKind
from support.retrieval_services import remote_index, served

ITEMS, DIMENSION = 3000, 8
WORKERS = 4


def vectors(count: int, seed: int = 1) -> F32:
    """Draw unit vectors."""
    drawn = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def by_row(held: F32) -> F16:
    """Give the embeddings of a release that holds these vectors."""
    return np.concatenate([np.zeros((FIRST_ITEM_ROW, DIMENSION), np.float16), held.astype(np.float16)])


def keeping(mask: Bool, held: F32) -> Kept:
    """Make a filter that keeps the items so marked."""
    return Kept(np.concatenate([np.zeros(FIRST_ITEM_ROW, np.bool_), mask]), by_row(held))


def flat(held: F32) -> faiss.Index:
    """Make an exact index."""
    index = faiss.IndexFlatIP(DIMENSION)
    index.add(held)
    return index


class OneThreadOnly:
    """A device index that, like FAISS's, bears one thread; it fails on a second one."""

    def __init__(self, index: faiss.Index) -> None:
        self._index, self._owner = index, threading.get_ident()

    def search(self, queries: F32, k: int) -> Any:
        """Search, on the thread that made it."""
        if threading.get_ident() != self._owner:
            raise AssertionError("searched by a thread that does not own the device")
        return self._index.search(queries, k)


def on_a_device(index: faiss.Index) -> GpuIndex:
    return GpuIndex(index, move=OneThreadOnly)


def behind(index: ItemIndex, front: FrontKind, stack: ExitStack) -> ItemIndex:
    stack.callback(index.close)
    embeddings = by_row(vectors(len(index)))
    service = stack.enter_context(served(index, front=front, workers=WORKERS, embeddings=embeddings))
    return remote_index(service.address, len(index), DIMENSION)


MAKERS: dict[str, Callable[[faiss.Index, ExitStack], ItemIndex]] = {
    "cpu": lambda index, _: CpuIndex(index),
    "gpu": lambda index, _: on_a_device(index),
    "cpu behind a service": lambda index, stack: behind(CpuIndex(index), "auto", stack),
    "gpu behind a service": lambda index, stack: behind(on_a_device(index), "auto", stack),
    "behind the reference front door": lambda index, stack: behind(CpuIndex(index), "grpcio", stack),
}


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Iterator[Callable[[F32], ItemIndex]]:
    """Make indexes of the kind under test; they, and the services before them, end with the test."""
    with ExitStack() as stack:

        def one(held: F32) -> ItemIndex:
            index = MAKERS[request.param](flat(held), stack)
            stack.callback(index.close)
            return index

        yield one


Make = Callable[[F32], ItemIndex]


def test_an_index_tells_its_size_and_dimension(make: Make) -> None:
    index = make(vectors(5))
    assert (len(index), index.dimension) == (5, DIMENSION)


def test_the_rows_with_the_largest_inner_products_come_best_first(make: Make) -> None:
    held, queries = vectors(ITEMS), vectors(3, seed=2)
    found = make(held).search(queries, 10)
    products = queries @ held.T
    assert found.rows.tolist() == (np.argsort(-products, axis=1)[:, :10] + FIRST_ITEM_ROW).tolist()
    assert np.allclose(found.scores, -np.sort(-products, axis=1)[:, :10], atol=1e-6)
    assert (found.rows.dtype, found.scores.dtype) == (np.int32, np.float32)


def test_where_the_index_holds_fewer_than_asked_row_zero_pads(make: Make) -> None:
    found = make(vectors(3)).search(vectors(2), 5)
    assert found.rows.shape == (2, 5)
    assert (found.rows[:, :3] >= FIRST_ITEM_ROW).all()
    assert not found.rows[:, 3:].any()
    assert not found.scores[:, 3:].any()


def test_no_row_repeats_within_a_query(make: Make) -> None:
    found = make(vectors(50)).search(vectors(4), 60)
    for rows in found.rows:
        items = rows[rows > 0].tolist()
        assert len(items) == len(set(items)) == 50


def test_more_than_a_device_can_give_is_no_error(make: Make) -> None:
    found = make(vectors(ITEMS)).search(vectors(1), MAX_K + 100)
    assert np.count_nonzero(found.rows) >= MAX_K


def test_the_caller_may_write_into_what_it_got(make: Make) -> None:
    index = make(vectors(5))
    found = index.search(vectors(1), 3)
    expected = found.rows.tolist()
    found.rows[:] = 0
    assert index.search(vectors(1), 3).rows.tolist() == expected


def test_callers_on_several_threads_get_their_own_answers(make: Make) -> None:
    held = vectors(ITEMS)
    index = make(held)
    start = threading.Barrier(WORKERS)

    def ask(worker: int) -> bool:
        start.wait(10)
        return all(
            index.search(held[place : place + 1], 1).rows[0, 0] == place + FIRST_ITEM_ROW
            for place in range(worker, 200, WORKERS)
        )

    with ThreadPoolExecutor(WORKERS) as callers:
        assert all(callers.map(ask, range(WORKERS)))


@pytest.mark.parametrize("gathered_bytes", [kept_rows.GATHERED_BYTES, 0], ids=["gathered", "too many bytes"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 1.0])
def test_of_what_a_filter_keeps_the_nearest_come_best_first(
    make: Make, monkeypatch: pytest.MonkeyPatch, share: float, gathered_bytes: int
) -> None:
    monkeypatch.setattr(kept_rows, "GATHERED_BYTES", gathered_bytes)
    held, queries = vectors(ITEMS), vectors(3, seed=2)
    mask = np.random.default_rng(3).random(ITEMS) < share
    found = make(held).search(queries, 20, keeping(mask, held))
    kept = min(20, np.count_nonzero(mask))
    products = np.where(mask, queries @ held.T, -np.inf)
    for rows, scores, product in zip(found.rows, found.scores, products, strict=True):
        assert not rows[kept:].any()
        assert not scores[kept:].any()
        assert len(set(rows[:kept].tolist())) == kept
        assert mask[rows[:kept] - FIRST_ITEM_ROW].all()
        assert (np.diff(scores[:kept]) <= 0).all()
        # Half precision moves a product by less.
        assert np.allclose(product[rows[:kept] - FIRST_ITEM_ROW], -np.sort(-product)[:kept], atol=2e-3)


def test_a_filter_that_keeps_only_the_farthest_still_fills_the_list(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_rows, "GATHERED_BYTES", 0)
    held, query = vectors(ITEMS), vectors(1, seed=2)
    products = (query @ held.T)[0]
    mask = products < np.median(products)
    found = make(held).search(query, 50, keeping(mask, held))
    assert np.count_nonzero(found.rows) == 50
    assert mask[found.rows[0] - FIRST_ITEM_ROW].all()


def test_a_search_after_close_is_unavailable(make: Make) -> None:
    index = make(vectors(5))
    index.close()
    with pytest.raises(UnavailableError, match="closed"):
        index.search(vectors(1), 3)


def test_closing_twice_is_no_error(make: Make) -> None:
    index = make(vectors(5))
    index.close()
    index.close()


def test_queries_of_another_dimension_are_unavailable(make: Make) -> None:
    with pytest.raises(UnavailableError, match="index"):
        make(vectors(5)).search(np.zeros((1, DIMENSION + 1), np.float32), 3)


def test_an_index_that_does_not_fit_on_the_device_is_unavailable() -> None:
    def move(index: faiss.Index) -> faiss.Index:
        raise RuntimeError("out of memory")

    with pytest.raises(UnavailableError, match="the GPU took no index: out of memory"):
        GpuIndex(flat(vectors(5)), move)


def test_a_device_that_fails_while_searching_is_unavailable() -> None:
    class Broken:
        def search(self, *_: object) -> None:
            raise RuntimeError("illegal memory access")

    index = GpuIndex(flat(vectors(5)), lambda _: Broken())
    with pytest.raises(UnavailableError, match="illegal memory access"):
        index.search(vectors(1), 3)
    index.close()


def test_a_device_is_moved_to_and_searched_by_one_thread_that_ends_with_it() -> None:
    before = set(threading.enumerate())
    index = GpuIndex(flat(vectors(5)), move=OneThreadOnly)
    index.search(vectors(1), 3)
    index.close()
    assert set(threading.enumerate()) <= before
