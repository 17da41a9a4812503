from collections.abc import Callable

import faiss
import numpy as np
import pytest

from shortlist.core.arrays import F32, I64
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline import index_tuning
from shortlist.offline.index_tuning import Exam, size_bytes
from support.vectors import DIMENSION, towers

ITEMS, NEAREST = 800, 200
EMBEDDINGS, USERS = towers(ITEMS, users=40)
VECTORS = EMBEDDINGS[FIRST_ITEM_ROW:].astype(np.float32)


def filled(kind: str, vectors: F32) -> faiss.Index:
    """Train and fill an index."""
    index = faiss.index_factory(vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    return index


def found(index: faiss.Index, queries: F32) -> float:
    """Measure the recall by brute force."""
    nearest = np.argsort(-(queries @ VECTORS.T), axis=1)[:, :NEAREST]
    positions = index.search(queries, NEAREST)[1]
    return float(np.mean([len(np.intersect1d(*pair)) / NEAREST for pair in zip(nearest, positions, strict=True)]))


@pytest.fixture
def all_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for every item."""
    monkeypatch.setattr(index_tuning, "MOST_QUERIES", ITEMS)


@pytest.mark.usefixtures("all_are_asked")
@pytest.mark.parametrize("place", [0, 7], ids=["users are served worse", "items are served worse"])
@pytest.mark.parametrize("lists", [2, 8])
def test_the_recall_is_that_of_users_or_items_whichever_is_lower(place: int, lists: int) -> None:
    users = np.repeat(VECTORS[place : place + 1], 40, axis=0)
    index = filled("IVF16,Flat", VECTORS)
    index.nprobe = lists
    exam = Exam(filled("Flat", VECTORS), VECTORS, users, seed=1)
    lower = min(found(index, users), found(index, VECTORS))
    assert exam.point(index, "IVF16,Flat", lists, 0.0).recall_at_200 == pytest.approx(lower)


class Altered:
    """Searches exactly and changes what was found."""

    def __init__(self, exact: faiss.Index, change: Callable[[I64], I64]) -> None:
        self._exact, self._change = exact, change

    def sa_code_size(self) -> int:
        """Tell the bytes of a vector."""
        return int(self._exact.sa_code_size())

    def search(self, queries: F32, k: int) -> tuple[F32, I64]:
        """Search as FAISS does."""
        scores, positions = self._exact.search(queries, k)
        return scores, self._change(positions)


def test_of_equal_items_any_counts_as_found() -> None:
    twins = np.tile(VECTORS[:300], (2, 1))
    exact = filled("Flat", twins)
    others = Altered(exact, lambda positions: (positions + 300) % 600)
    assert Exam(exact, twins, USERS, seed=1).point(others, "others", 0, 0.0).recall_at_200 == 1.0


def test_places_where_nothing_was_found_are_misses() -> None:
    exact = filled("Flat", VECTORS)
    half = Altered(exact, lambda positions: np.where(np.arange(NEAREST) < NEAREST // 2, positions, -1))
    assert Exam(exact, VECTORS, USERS, seed=1).point(half, "half", 0, 0.0).recall_at_200 == 0.5


@pytest.mark.usefixtures("all_are_asked")
def test_without_users_items_speak() -> None:
    index = filled("IVF16,Flat", VECTORS)
    exam = Exam(filled("Flat", VECTORS), VECTORS, USERS[:0], seed=1)
    assert exam.point(index, "IVF16,Flat", 1, 0.0).recall_at_200 == pytest.approx(found(index, VECTORS))


def test_fewer_items_than_are_looked_for_are_all_of_them() -> None:
    few = VECTORS[:50]
    exact = filled("Flat", few)
    assert Exam(exact, few, USERS, seed=1).point(exact, "Flat", 0, 0.0).recall_at_200 == 1.0


@pytest.mark.parametrize("kind", ["Flat", "IVF16,SQfp16", "IVF16,SQ8"])
def test_the_size_is_known_before_building_and_is_that_of_the_file(kind: str) -> None:
    empty = faiss.index_factory(DIMENSION, kind, faiss.METRIC_INNER_PRODUCT)
    written = len(faiss.serialize_index(filled(kind, VECTORS)))
    assert size_bytes(empty, ITEMS) == pytest.approx(written, rel=0.03)
