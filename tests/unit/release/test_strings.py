import numpy as np
import pytest

from shortlist.release.strings import StringTable


def test_strings_are_found_by_place_and_slice() -> None:
    table = StringTable.pack(["", "tea", "café", "☕"])
    assert len(table) == 4
    assert table[2] == "café"
    assert table[1:3] == ["tea", "café"]
    assert list(table) == ["", "tea", "café", "☕"]


@pytest.mark.parametrize("place", [-1, 2])
def test_a_place_outside_the_table_is_an_error(place: int) -> None:
    with pytest.raises(IndexError):
        StringTable.pack(["a", "b"])[place]


def test_an_empty_table_is_a_table() -> None:
    assert list(StringTable.pack([])) == []


@pytest.mark.parametrize(
    "offsets",
    [[], [0, 2, 1, 3], [0, 1], [0, 9], [-1, 3], [1, 3]],
    ids=["none", "falling", "too short", "too long", "negative", "beginning late"],
)
def test_offsets_that_do_not_span_the_text_are_refused(offsets: list[int]) -> None:
    arrays = {"x_offsets": np.array(offsets, np.int64), "x_utf8": np.frombuffer(b"abc", np.uint8)}
    with pytest.raises(ValueError, match="'x' is inconsistent"):
        StringTable.from_arrays("x", arrays)


def test_a_missing_array_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        StringTable.from_arrays("x", {})
