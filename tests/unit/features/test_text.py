import numpy as np
import pytest

from shortlist.features.text import TextEncoder, unit, words, words_and_grams
from shortlist.release.strings import StringTable

ENCODER = TextEncoder(
    StringTable.pack(["red", "clock", "tea"]),
    np.array([1.0, 2.0, 1.0], np.float32),
    np.eye(3, dtype=np.float32),
    has_grams=False,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RED Dinner-Clock, 50's", ["red", "dinner", "clock", "50", "s"]),
        ("snake_case  Ærøskøbing", ["snake", "case", "ærøskøbing"]),
        ("", []),
        ("  ?! ", []),
    ],
)
def test_words_are_lower_case_and_without_punctuation(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_grams_know_where_a_word_begins_and_ends() -> None:
    assert words_and_grams("Tea") == ["tea", "<te", "tea", "ea>", "<tea", "tea>"]


def test_a_rare_term_weighs_more_and_a_repeated_one_by_its_logarithm() -> None:
    red_clock, red_red = ENCODER.encode(["red clock", "red red tea"])
    assert red_clock.tolist() == pytest.approx([1 / np.sqrt(5), 2 / np.sqrt(5), 0.0])
    once = 1 + np.log(2)
    assert red_red.tolist() == pytest.approx((np.array([once, 0, 1]) / np.hypot(once, 1)).tolist())


def test_a_text_without_a_known_term_is_nowhere() -> None:
    assert not ENCODER.encode(["lamp", ""]).any()


def test_an_encoder_survives_its_arrays() -> None:
    again = TextEncoder.from_arrays(ENCODER.arrays())
    np.testing.assert_array_equal(again.encode(["red clock"]), ENCODER.encode(["red clock"]))
    assert again.has_grams is False


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    arrays = ENCODER.arrays() | {"weights": np.ones(2, np.float32)}
    with pytest.raises(ValueError, match="inconsistent"):
        TextEncoder.from_arrays(arrays)


def test_unit_leaves_zeros_alone() -> None:
    assert unit(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)).tolist() == [pytest.approx([0.6, 0.8]), [0.0, 0.0]]
