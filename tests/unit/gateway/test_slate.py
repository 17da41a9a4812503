import numpy as np
import pytest

from shortlist.core.arrays import F32, I64
from shortlist.core.types import Candidates
from shortlist.gateway.slate import Slate, cut, in_order


@pytest.fixture
def candidates() -> Candidates:
    """Merge two requests: rows 5, 6, 7 and row 8 alone, proposed by two sources."""
    return Candidates(
        np.array([[5, 6, 7], [8, 0, 0]], np.int32),
        np.array([[[0.9, 0.0], [0.3, 4.0], [-0.5, 0.0]], [[0.2, 0.0], [0, 0], [0, 0]]], np.float32),
        np.array([[[1, 0], [2, 1], [3, 0]], [[1, 0], [0, 0], [0, 0]]], np.int32),
    )


SCORES = np.array([[0.1, 0.3, 0.2], [0.5, 9.0, 9.0]], np.float32)
ORDER: I64 = np.array([[1, 2, 0], [0, 0, 0]], np.int64)


def slates_of(candidates: Candidates, scores: F32 | None = SCORES, counts: tuple[int, int] = (3, 1)) -> list[Slate]:
    """Cut the slates of both requests."""
    return cut(candidates, scores, ORDER, np.array(counts))


def test_items_come_in_the_order_given_up_to_the_count(candidates: Candidates) -> None:
    first, second = slates_of(candidates, counts=(2, 1))
    assert first.rows.tolist() == [6, 7]
    assert first.scores.tolist() == pytest.approx([0.3, 0.2])
    assert second.rows.tolist() == [8]


def test_without_scores_the_retrieval_scores_are_shown(candidates: Candidates) -> None:
    first, _ = slates_of(candidates, None)
    assert first.rows.tolist() == [6, 7, 5]
    assert first.scores.tolist() == first.retrieval_scores.tolist()


def test_the_retrieval_score_is_the_best_of_the_sources_each_relative_to_its_own_best(candidates: Candidates) -> None:
    first, _ = slates_of(candidates)
    assert first.retrieval_scores.tolist() == [1.0, 0.0, 1.0]


def test_each_item_keeps_what_its_sources_said(candidates: Candidates) -> None:
    first, _ = slates_of(candidates, counts=(1, 0))
    assert first.source_ranks.tolist() == [[2, 1]]
    assert first.source_scores.tolist() == pytest.approx(np.array([[0.3, 4.0]], np.float32))


def test_a_request_may_take_nothing(candidates: Candidates) -> None:
    assert [len(slate.rows) for slate in slates_of(candidates, counts=(1, 0))] == [1, 0]


def test_a_list_in_order_has_scores_that_fall_from_one() -> None:
    slate = in_order(np.array([9, 4], np.int32), np.array([1, 2], np.int32), 3, popular_source=2)
    assert slate.rows.tolist() == [9, 4]
    assert slate.scores.tolist() == [1.0, 0.5]
    assert slate.source_ranks.tolist() == [[0, 0, 1], [0, 0, 2]]
    assert slate.source_scores[:, 2].tolist() == [1.0, 0.5]


def test_an_item_that_is_not_on_the_list_has_no_score() -> None:
    slate = in_order(np.array([9, 4], np.int32), np.array([0, 1], np.int32), 2, popular_source=1)
    assert slate.scores.tolist() == [0.0, 1.0]
    assert slate.source_ranks.tolist() == [[0, 0], [0, 1]]


def test_an_order_that_no_source_gave_names_none() -> None:
    assert not in_order(np.array([9], np.int32), np.array([1], np.int32), 2, popular_source=None).source_ranks.any()


def test_a_list_of_nothing_is_a_slate_of_nothing() -> None:
    assert len(in_order(np.zeros(0, np.int32), np.zeros(0, np.int32), 3, popular_source=2).rows) == 0
