"""Readings: what is missing is not measured, what is None never came, and figures are written with one unit."""

import math

import pytest
from loadtest.bench.readings import COUNT, MS, PERCENT, by_round, figure, ratio, told


def test_a_figure_that_is_missing_was_not_measured_and_one_that_is_none_never_came() -> None:
    result = {"a": {"b": 1, "c": None}, "d": None}
    assert figure(result, "a", "b") == 1.0
    assert figure(result, "a", "c") == math.inf
    assert figure(result, "a", "e") is None
    assert figure(result, "d", "b") is None
    assert figure(result, "e", "b") is None


def test_rounds_that_lack_a_figure_are_left_out() -> None:
    assert by_round([{"a": 1.0}, {}, {"a": 3.0}], lambda figures: figure(figures, "a")) == [1.0, 3.0]
    assert by_round(None, lambda figures: figure(figures, "a")) == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1.0, 4.0, 0.25),
        (None, 4.0, None),
        (1.0, None, None),
        (1.0, 0.0, math.inf),
        (0.0, 0.0, 0.0),
        (1.0, math.inf, 0.0),
        (math.inf, math.inf, math.inf),
    ],
)
def test_a_ratio_knows_what_was_not_measured_and_what_never_came(
    one: float | None, other: float | None, expected: float | None
) -> None:
    assert ratio(one, other) == expected


def test_figures_are_written_as_median_and_range_with_their_unit_once() -> None:
    assert told([], MS) == ""
    assert told([1.234], MS) == "1.23 ms"
    assert told([3.0, 1.0, 2.0], MS) == "2.00 (1.00 to 3.00) ms"
    assert told([0.501, 0.501, 0.512], PERCENT) == "50.1 (50.1 to 51.2) %"
    assert told([1_234.2, 1_234.4], COUNT) == "1,234"
    assert told([1.0, 2.0, math.inf], MS) == "2.00 (1.00 to infinite) ms"
    assert told([math.inf], MS) == "infinite"
