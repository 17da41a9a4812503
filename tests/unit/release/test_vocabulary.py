import numpy as np
import pytest

from shortlist.core.keys import PADDING_KEY, item_key
from shortlist.release.vocabulary import Vocabulary


def test_items_have_rows_from_two_up_in_their_order() -> None:
    vocabulary = Vocabulary.build(["c", "a", "b"])
    assert vocabulary.rows_of_ids(["a", "b", "c"]).tolist() == [3, 4, 2]
    assert [vocabulary.id_of(row) for row in (2, 3, 4)] == ["c", "a", "b"]
    assert vocabulary.row_count == 5


def test_an_unknown_id_has_row_one() -> None:
    assert Vocabulary.build(["a"]).rows_of_ids(["b"]).tolist() == [1]


def test_key_zero_is_padding() -> None:
    assert Vocabulary.build(["a"]).rows_of_keys(np.array([[PADDING_KEY]], np.uint64)).tolist() == [[0]]


def test_an_empty_vocabulary_knows_padding_and_nothing_else() -> None:
    keys = np.array([PADDING_KEY, item_key("a")], np.uint64)
    assert Vocabulary.build([]).rows_of_keys(keys).tolist() == [0, 1]


def test_keys_by_row_inverts_the_mapping() -> None:
    vocabulary = Vocabulary.build(["c", "a"])
    assert vocabulary.keys_by_row().tolist() == [0, 0, item_key("c"), item_key("a")]


def test_an_id_that_repeats_is_refused() -> None:
    with pytest.raises(ValueError, match="repeat"):
        Vocabulary.build(["a", "b", "a"])


def test_the_arrays_of_a_vocabulary_make_it_again() -> None:
    again = Vocabulary.from_arrays(Vocabulary.build(["c", "a", "b"]).arrays())
    assert again.rows_of_ids(["a", "b", "c"]).tolist() == [3, 4, 2]


def test_keys_out_of_order_are_refused() -> None:
    arrays = Vocabulary.build(["c", "a", "b"]).arrays()
    arrays["sorted_keys"] = arrays["sorted_keys"][::-1]
    with pytest.raises(ValueError, match="vocabulary"):
        Vocabulary.from_arrays(arrays)


@pytest.mark.parametrize("rows", [[2, 2, 3], [1, 2, 3], [2, 3, 9]], ids=["repeated", "unknown", "outside"])
def test_rows_that_are_no_permutation_of_the_items_are_refused(rows: list[int]) -> None:
    arrays = Vocabulary.build(["c", "a", "b"]).arrays()
    arrays["sorted_rows"] = np.array(rows, np.int32)
    with pytest.raises(ValueError, match="vocabulary"):
        Vocabulary.from_arrays(arrays)
