import numpy as np
import pytest

from shortlist.core.types import History
from shortlist.ranking.profile import category_shares

CATEGORIES = np.array([[0, 0], [0, 0], [1, 3], [1, 4], [2, 3], [0, 4]], np.int32)


def _history(rows: list[int], ages: list[float]) -> History:
    return History(np.array([rows], np.int32), np.full((1, len(rows)), 5, np.int32), np.array([ages], np.float32))


def test_an_event_of_90_days_ago_weighs_half() -> None:
    shares = category_shares(_history([2, 4, 0], [0.0, 90.0, 0.0]), np.array([[3, 4, 5]], np.int32), CATEGORIES)
    assert shares.tolist() == [pytest.approx([2 / 3, 1 / 3, 0.0])]


def test_requests_of_a_batch_do_not_see_each_other() -> None:
    both = History(
        np.array([[2, 3], [4, 0]], np.int32), np.array([[5, 5], [5, 0]], np.int32), np.zeros((2, 2), np.float32)
    )
    shares = category_shares(both, np.array([[2, 4], [2, 4]], np.int32), CATEGORIES)
    assert shares.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_items_without_a_category_are_in_no_share_and_count_in_the_whole() -> None:
    shares = category_shares(_history([2, 5], [0.0, 0.0]), np.array([[2, 5, 0]], np.int32), CATEGORIES)
    assert shares.tolist() == [[0.5, 0.0, 0.0]]


def test_without_a_history_or_categories_there_is_no_share() -> None:
    candidates = np.array([[2, 4]], np.int32)
    assert not category_shares(History.empty(1, 4), candidates, CATEGORIES).any()
    assert not category_shares(_history([2], [0.0]), candidates, np.zeros((6, 0), np.int32)).any()


def test_only_the_newest_64_events_count() -> None:
    history = _history([2] * 64 + [4] * 10, [0.0] * 74)
    assert category_shares(history, np.array([[3, 4]], np.int32), CATEGORIES).tolist() == [[1.0, 0.0]]
