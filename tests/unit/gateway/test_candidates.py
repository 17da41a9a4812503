import numpy as np

from shortlist.core.arrays import I32
from shortlist.core.types import Candidates
from shortlist.gateway.candidates import add_pinned, fit, width_of
from shortlist.retrieval.kept import Kept

VECTORS = np.zeros((20, 4), np.float16)


def wanting(*rows: int) -> Kept:
    """Plan a request that wants all of its rows."""
    return Kept(np.isin(np.arange(20), rows), VECTORS, is_exhaustive=True)


def keeping(*rows: int) -> Kept:
    """Plan a filter."""
    return Kept(np.isin(np.arange(20), rows), VECTORS)


def candidates(*rows: list[int]) -> Candidates:
    """Make candidates of one source."""
    matrix: I32 = np.array(rows, np.int32)
    ranks = np.where(matrix > 0, np.arange(1, matrix.shape[1] + 1), 0).astype(np.int32)[:, :, None]
    return Candidates(matrix, (ranks > 0).astype(np.float32), ranks)


def test_a_batch_is_as_wide_as_the_release_says() -> None:
    assert width_of([None, keeping(*range(2, 15))], 5) == 5


def test_a_callers_own_list_widens_the_batch_by_whole_steps() -> None:
    assert width_of([None, wanting(*range(2, 9))], 5) == 10


def test_a_callers_list_of_nothing_changes_nothing() -> None:
    assert width_of([wanting()], 5) == 5


def test_a_request_beside_a_wide_one_keeps_its_own_width() -> None:
    found = candidates([5, 6, 7, 8], [9, 10, 11, 12])
    fit(found, [None, wanting(9, 10, 11, 12)], 2)
    assert found.rows.tolist() == [[5, 6, 0, 0], [9, 10, 11, 12]]
    assert found.ranks[0, :, 0].tolist() == [1, 2, 0, 0]
    assert found.scores[0, :, 0].tolist() == [1.0, 1.0, 0.0, 0.0]


def test_what_no_source_proposed_of_a_callers_list_comes_last() -> None:
    found = candidates([5, 0, 0, 0])
    fit(found, [wanting(3, 5, 9)], 4)
    assert found.rows.tolist() == [[5, 3, 9, 0]]
    assert found.ranks[0, :, 0].tolist() == [1, 0, 0, 0]


def test_what_a_filter_keeps_is_not_added() -> None:
    found = candidates([5, 0])
    fit(found, [keeping(3, 5)], 2)
    assert found.rows.tolist() == [[5, 0]]


NONE_EXCLUDED = np.zeros((1, 0), np.int32)


def pinned(*rows: int) -> I32:
    """List rows that are pinned."""
    return np.array(rows, np.int32)


def test_a_pinned_item_that_no_source_proposed_is_added_after_the_others() -> None:
    found = candidates([5, 6, 0, 0])
    add_pinned(found, pinned(9, 5), [None], NONE_EXCLUDED, 4)
    assert found.rows.tolist() == [[5, 6, 9, 0]]
    assert found.ranks[0, :, 0].tolist() == [1, 2, 0, 0]


def test_pinned_items_push_out_the_last_that_are_not_pinned() -> None:
    found = candidates([5, 6, 7, 8])
    add_pinned(found, pinned(9, 8, 10), [None], NONE_EXCLUDED, 4)
    assert found.rows.tolist() == [[5, 10, 9, 8]]
    assert found.ranks[0, :, 0].tolist() == [1, 0, 0, 4]
    assert found.scores[0, :, 0].tolist() == [1.0, 0.0, 0.0, 1.0]


def test_a_request_beside_a_wide_one_keeps_its_own_width_with_pins() -> None:
    found = candidates([5, 6, 0, 0])
    add_pinned(found, pinned(9), [None], NONE_EXCLUDED, 2)
    assert found.rows.tolist() == [[5, 9, 0, 0]]


def test_more_pinned_items_than_there_are_columns_take_all_of_them() -> None:
    found = candidates([5, 6])
    add_pinned(found, pinned(9, 10, 11), [None], NONE_EXCLUDED, 2)
    assert found.rows.tolist() == [[10, 9]]


def test_what_a_request_excludes_or_filters_out_is_not_added() -> None:
    found = candidates([5, 0], [5, 0], [5, 0], [5, 0])
    excluded = np.array([[0], [9], [0], [0]], np.int32)
    add_pinned(found, pinned(9), [None, None, keeping(5, 9), keeping(5)], excluded, 2)
    assert found.rows.tolist() == [[5, 9], [5, 0], [5, 9], [5, 0]]


def test_nothing_is_added_to_a_callers_own_list() -> None:
    found = candidates([5, 0])
    add_pinned(found, pinned(9), [wanting(5, 9)], NONE_EXCLUDED, 2)
    assert found.rows.tolist() == [[5, 0]]
