import numpy as np
import pytest

from shortlist.core.types import EventType
from shortlist.retrieval.category_trends import HISTORY, LENGTH, CategoryTrends
from shortlist.retrieval.kept import Kept
from support.retrieval_batches import histories, retrieval

CATEGORY_OF = np.array([0, 0, 1, 1, 1, 2, 2, 3, 4, 0], np.int32)
"""Of rows 0 to 9; row 9 has none."""
TRENDING = np.array([5, 2, 9, 7, 3, 6, 8, 4], np.int32)
SCORES = np.array([0.9, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3], np.float32)

MEAN_RATE = (1.7 + 1.4 + 0.7 + 0.4) / 4
"""Of the categories 1 to 4."""


@pytest.fixture
def source() -> CategoryTrends:
    return CategoryTrends.of("trending_in_categories", CATEGORY_OF, 5, TRENDING, SCORES, 10)


def proposed(source: CategoryTrends, *history: int) -> list[int]:
    """List what is proposed to a user."""
    found = source.propose(retrieval(histories([history])))
    return found.rows[0][found.rows[0] > 0].tolist()


def test_a_user_of_one_category_gets_what_trends_there(source: CategoryTrends) -> None:
    assert proposed(source, 3, 4) == [2, 3, 4]


def test_the_category_of_more_events_weighs_more(source: CategoryTrends) -> None:
    found = source.propose(retrieval(histories([[6, 3, 4, 2]])))
    assert found.rows[0][:5].tolist() == [2, 3, 5, 4, 6]
    one, other = 0.75 / (1.7 + MEAN_RATE), 0.25 / (1.4 + MEAN_RATE)
    expected = [0.8 * one, 0.6 * one, 0.9 * other, 0.3 * one, 0.5 * other]
    assert found.scores[0][:5].tolist() == pytest.approx(expected)


def test_a_busy_category_does_not_crowd_out_a_quiet_one(source: CategoryTrends) -> None:
    assert proposed(source, 8, 3) == [2, 8, 3, 4]
    assert SCORES[TRENDING == 8] < SCORES[TRENDING == 3]


def test_where_nothing_of_a_category_trends_nothing_is_proposed() -> None:
    nothing = CategoryTrends.of("t", CATEGORY_OF, 5, TRENDING[:0], SCORES[:0], 10)
    assert proposed(nothing, 3, 4) == []


def test_of_four_categories_the_three_most_frequent_count_and_of_two_the_newer(source: CategoryTrends) -> None:
    assert set(proposed(source, 8, 7, 6, 2, 2)) == {8, 7, 2, 3, 4}


@pytest.mark.parametrize("history", [(), (1,), (9, 9)])
def test_without_a_category_nothing_is_proposed(source: CategoryTrends, history: tuple[int, ...]) -> None:
    assert proposed(source, *history) == []


def test_what_was_hidden_says_nothing_about_taste(source: CategoryTrends) -> None:
    history = histories([[2, 7]])
    history.types[0, 0] = EventType.HIDE
    assert source.propose(retrieval(history)).rows[0, :2].tolist() == [7, 0]


def test_only_the_newest_events_count(source: CategoryTrends) -> None:
    rows = [7] * HISTORY + [2] * 100
    found = source.propose(retrieval(histories([rows], length=256)))
    assert found.rows[0, :2].tolist() == [7, 0]


def test_a_filter_is_respected_and_each_request_stands_for_itself(source: CategoryTrends) -> None:
    mask = np.ones(len(CATEGORY_OF), np.bool_)
    mask[[0, 1, 2]] = False
    kept = Kept(mask, np.zeros((len(CATEGORY_OF), 4), np.float16))
    found = source.propose(retrieval(histories([[4], [4], [7]]), [None, kept, None]))
    assert [row[row > 0].tolist() for row in found.rows] == [[2, 3, 4], [3, 4], [7]]


def test_of_a_category_so_many_are_listed() -> None:
    rows = np.arange(2, 102, dtype=np.int32)
    source = CategoryTrends.of("t", np.ones(102, np.int32), 2, rows, np.ones(100, np.float32), 50)
    found = source.propose(retrieval(histories([[2]])))
    assert np.count_nonzero(found.rows) == LENGTH
    assert found.quotas is not None
    assert found.quotas.tolist() == [50]
