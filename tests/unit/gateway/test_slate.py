import numpy as np
import pytest

from shortlist.core.types import Candidates
from shortlist.gateway.slate import best_of, in_order


@pytest.fixture
def candidates() -> Candidates:
    """Merge two requests: rows 5, 6, 7 and row 8 alone, proposed by two sources."""
    return Candidates(
        np.array([[5, 6, 7], [8, 0, 0]], np.int32),
        np.array([[[0.9, 0.0], [0.3, 4.0], [-0.5, 0.0]], [[0.2, 0.0], [0, 0], [0, 0]]], np.float32),
        np.array([[[1, 0], [2, 1], [3, 0]], [[1, 0], [0, 0], [0, 0]]], np.int32),
    )


SCORES = np.array([[0.1, 0.3, 0.2], [0.5, 9.0, 9.0]], np.float32)


def test_the_ranker_s_best_come_first_up_to_the_limit(candidates: Candidates) -> None:
    slates, columns = best_of(candidates, SCORES, [2, 2])
    assert slates[0].rows.tolist() == [6, 7]
    assert slates[0].scores.tolist() == pytest.approx([0.3, 0.2])
    assert columns[0].tolist() == [1, 2]


def test_padding_is_never_taken_whatever_its_score(candidates: Candidates) -> None:
    slates, _ = best_of(candidates, SCORES, [3, 3])
    assert slates[1].rows.tolist() == [8]


def test_without_scores_the_retrieval_order_stays(candidates: Candidates) -> None:
    slates, _ = best_of(candidates, None, [3, 3])
    assert slates[0].rows.tolist() == [5, 6, 7]
    assert slates[0].scores.tolist() == slates[0].retrieval_scores.tolist()


def test_the_retrieval_score_is_the_best_of_the_sources_each_relative_to_its_own_best(candidates: Candidates) -> None:
    slates, _ = best_of(candidates, None, [3, 3])
    assert slates[0].retrieval_scores.tolist() == [1.0, 1.0, 0.0]


def test_each_item_keeps_what_its_sources_said(candidates: Candidates) -> None:
    slates, _ = best_of(candidates, SCORES, [1, 1])
    assert slates[0].source_ranks.tolist() == [[2, 1]]
    assert slates[0].source_scores.tolist() == pytest.approx(np.array([[0.3, 4.0]], np.float32))


def test_limits_are_each_request_s_own(candidates: Candidates) -> None:
    slates, _ = best_of(candidates, SCORES, [1, 3])
    assert [len(slate.rows) for slate in slates] == [1, 1]


def test_a_list_in_order_has_scores_that_fall_from_one() -> None:
    slate = in_order(np.array([9, 4], np.int32), 3, popular_source=2)
    assert slate.rows.tolist() == [9, 4]
    assert slate.scores.tolist() == [1.0, 0.5]
    assert slate.source_ranks.tolist() == [[0, 0, 1], [0, 0, 2]]
    assert slate.source_scores[:, 2].tolist() == [1.0, 0.5]


def test_an_order_that_no_source_gave_names_none() -> None:
    assert not in_order(np.array([9], np.int32), 2, popular_source=None).source_ranks.any()


def test_a_list_of_nothing_is_a_slate_of_nothing() -> None:
    assert len(in_order(np.zeros(0, np.int32), 3, popular_source=2).rows) == 0
