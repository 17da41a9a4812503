import numpy as np

from shortlist.core.arrays import F32
from shortlist.core.types import History, SourceList
from shortlist.retrieval.delta import NewArrivals, beside
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.port import Retrieval

EMBEDDINGS = np.array([[0, 0], [0, 0], [1, 0], [0, 1], [0.8, 0.2], [0.1, 0.9], [0.5, 0.5]], np.float16)
ARRIVALS = Kept(np.arange(7) >= 4, EMBEDDINGS)


class PlayedTower:
    """Embeds everybody as it is told; counts."""

    def __init__(self) -> None:
        self.calls = 0

    def embed(self, history: History, user_dense: F32) -> F32:  # noqa: ARG002  # the port's
        self.calls += 1
        return np.array([[1, 0], [0, 1]], np.float32)


def retrieval(arrivals: Kept | None, kept: Kept | None = None) -> Retrieval:
    nobody = np.zeros((2, 1), np.float32)
    return Retrieval(History.empty(2, 1), nobody, [None, kept], np.zeros((2, 0), np.int32), 0.0, arrivals)


def test_the_nearest_new_items_come_best_first() -> None:
    listed = NewArrivals(PlayedTower(), 2).propose(retrieval(ARRIVALS))
    assert listed.rows.tolist() == [[4, 6], [5, 6]]


def test_a_request_s_filter_holds_for_them() -> None:
    kept = Kept(np.array([False, False, True, True, True, False, False]), EMBEDDINGS)
    listed = NewArrivals(PlayedTower(), 3).propose(retrieval(ARRIVALS, kept))
    assert listed.rows.tolist() == [[4, 6, 5], [4, 0, 0]]


def test_without_new_items_nothing_is_embedded() -> None:
    tower = PlayedTower()
    assert NewArrivals(tower).propose(retrieval(None)).rows.shape == (2, 0)
    assert tower.calls == 0


def test_users_are_embedded_once_for_all_sources() -> None:
    tower, asked = PlayedTower(), retrieval(ARRIVALS)
    for _ in range(3):
        NewArrivals(tower).propose(asked)
    assert tower.calls == 1


def test_two_lists_become_one_in_which_a_new_item_appears_once() -> None:
    found = SourceList(np.array([[2, 6, 3]], np.int32), np.array([[0.9, 0.5, 0.1]], np.float32))
    joined = beside(ARRIVALS, found, np.array([[4, 6]], np.int32), np.array([[0.8, 0.5]], np.float32))
    assert joined.rows.tolist() == [[2, 4, 6]]
