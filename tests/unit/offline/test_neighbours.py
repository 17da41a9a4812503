import numpy as np
import pytest

from shortlist.offline.neighbours import item_knn_lists

# Item 2 has users 0 and 1, item 3 has 0, 1 and 2, item 4 has 2, item 5 has 9; user 0 bought item 2 twice.
USERS = np.array([0, 0, 1, 0, 1, 2, 2, 9], np.int32)
ITEMS = np.array([2, 2, 2, 3, 3, 3, 4, 5], np.int32)


def test_neighbours_are_the_nearest_by_cosine_and_the_rest_is_zero() -> None:
    rows, weights = item_knn_lists(USERS, ITEMS, 6, 3)
    assert rows[2:].tolist() == [[3, 0, 0], [2, 4, 0], [3, 0, 0], [0, 0, 0]]
    both, one = 2 / np.sqrt(2 * 3), 1 / np.sqrt(3)
    assert weights[2:] == pytest.approx(np.array([[both, 0, 0], [both, one, 0], [one, 0, 0], [0, 0, 0]]))
    assert not rows[:2].any()


def test_lists_may_be_longer_than_there_are_items() -> None:
    rows, weights = item_knn_lists(USERS, ITEMS, 6, 50)
    assert rows.shape == weights.shape == (6, 50)
    assert rows[3, :3].tolist() == [2, 4, 0]


def test_a_log_without_events_has_no_neighbours() -> None:
    nothing = np.zeros(0, np.int32)
    rows, weights = item_knn_lists(nothing, nothing, 3, 2)
    assert not rows.any()
    assert not weights.any()
