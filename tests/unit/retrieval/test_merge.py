import numpy as np
import pytest

from shortlist.core.types import Candidates, SourceList
from shortlist.retrieval.merge import RRF_CONSTANT, merge


def listed(*rows: list[int]) -> SourceList:
    """Make a source's list whose scores are 1, 1/2, 1/3 and so on."""
    matrix = np.array(rows, np.int32).reshape(len(rows), -1)
    scores = np.where(matrix > 0, 1.0 / np.arange(1, matrix.shape[1] + 1), 0.0)
    return SourceList(matrix, scores.astype(np.float32))


NOTHING = np.zeros((1, 0), np.int32)


def test_an_item_that_two_sources_propose_comes_before_those_of_one() -> None:
    merged = merge([listed([5, 6, 7]), listed([8, 7])], NOTHING, 4)
    assert merged.rows.tolist() == [[7, 5, 8, 6]]


def test_each_candidate_carries_the_score_and_rank_of_each_source() -> None:
    merged = merge([listed([5, 6]), listed([6])], NOTHING, 2)
    assert merged.rows.tolist() == [[6, 5]]
    assert merged.ranks.tolist() == [[[2, 1], [1, 0]]]
    assert merged.scores.tolist() == [[[0.5, 1.0], [1.0, 0.0]]]


def test_equal_candidates_stand_in_the_order_of_the_sources() -> None:
    # Not in that of their rows, which another release has in another order.
    assert merge([listed([9]), listed([3]), listed([6])], NOTHING, 3).rows.tolist() == [[9, 3, 6]]


def test_an_excluded_item_is_dropped_and_ranks_count_what_is_left() -> None:
    merged = merge([listed([5, 6, 7])], np.array([[6, 0]], np.int32), 3)
    assert merged.rows.tolist() == [[5, 7, 0]]
    assert merged.ranks[0, :, 0].tolist() == [1, 2, 0]


def test_a_list_is_cut_to_its_quota_after_the_exclusions() -> None:
    rows = np.array([[5, 6, 7, 8]], np.int32)
    proposed = SourceList(rows, np.ones((1, 4), np.float32), np.array([2], np.int32))
    assert merge([proposed], np.array([[5]], np.int32), 4).rows.tolist() == [[6, 7, 0, 0]]


def test_an_exclusion_of_one_request_is_none_of_another() -> None:
    merged = merge([listed([5, 6], [5, 6])], np.array([[5], [0]], np.int32), 2)
    assert merged.rows.tolist() == [[6, 0], [5, 6]]


def test_only_the_best_are_kept() -> None:
    assert merge([listed([5, 6, 7])], NOTHING, 2).rows.tolist() == [[5, 6]]


@pytest.mark.parametrize("excluded", [NOTHING, np.array([[4]], np.int32)])
def test_where_nothing_is_proposed_there_is_only_padding(excluded: np.ndarray) -> None:
    merged = merge([listed([0, 0]), SourceList(NOTHING, NOTHING.astype(np.float32))], excluded, 3)
    assert merged.rows.tolist() == [[0, 0, 0]]
    assert not merged.scores.any()
    assert not merged.ranks.any()


def test_the_order_is_that_of_reciprocal_rank_fusion() -> None:
    merged = merge([listed([5, 6, 7, 8]), listed([8, 5, 7, 6])], NOTHING, 4)
    fused = (1.0 / (RRF_CONSTANT + merged.ranks)).sum(axis=2)
    assert fused[0].tolist() == sorted(fused[0].tolist(), reverse=True)


def test_the_result_is_padded_to_the_limit() -> None:
    merged: Candidates = merge([listed([5])], NOTHING, 3)
    assert (merged.rows.shape, merged.scores.shape, merged.ranks.shape) == ((1, 3), (1, 3, 1), (1, 3, 1))
