from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from shortlist.offline.datasets.kinds import NUMBER, TEXT, Kind, found_form, names, one_of, times

_NOON = 1_264_939_200  # 2010-01-31 12:00 UTC


def _read(kind: Kind, *values: Any) -> list[Any]:
    column = pl.Series("x", list(values), strict=False)
    return column.to_frame().select(kind.read(pl.col("x"), column.dtype)).to_series().to_list()


def _read_times(*values: Any) -> list[Any]:
    column = pl.Series("x", list(values))
    form = found_form(column.to_frame().lazy(), "x", column.dtype)
    return _read(times(form), *values)


def test_text_is_stripped_and_empty_text_is_null() -> None:
    assert _read(TEXT, " a ", "", " ", "NaN", "nan", None, "nanna") == ["a", None, None, None, None, None, "nanna"]


def test_whole_numbers_that_went_through_floats_are_written_as_they_were() -> None:
    assert _read(TEXT, 13085.0, 1.5, float("nan"), None) == ["13085", "1.5", None, None]
    assert _read(TEXT, 7, None) == ["7", None]


def test_what_is_no_finite_number_is_null() -> None:
    assert _read(NUMBER, "1.5", "-2e3", "1,5", "inf", "", None) == [1.5, -2000.0, None, None, None, None]
    assert _read(NUMBER, 1.5, float("inf"), float("nan")) == [1.5, None, None]


@pytest.mark.parametrize(
    "text",
    [
        "2010-01-31 12:00:00",
        "2010-01-31T12:00:00",
        "2010-01-31 12:00",
        "2010-01-31T12:00:00Z",
        "2010-01-31 12:00:00.999",
        "2010-01-31T12:00:00.250+00:00",
        "2010-01-31 14:00:00+02:00",
        "2010-01-31 12:00:00 UTC",
        "01/31/2010 12:00",
        "31/01/2010 12:00",
        "1264939200",
        "1264939200000",
    ],
)
def test_a_time_is_read_however_it_is_written(text: str) -> None:
    assert _read_times(text, "", None) == [_NOON, None, None]


def test_a_time_may_be_typed_or_a_day() -> None:
    assert _read_times(datetime(2010, 1, 31, 12), None) == [_NOON, None]
    assert _read_times(datetime(2010, 1, 31, 12, tzinfo=UTC)) == [_NOON]
    assert _read_times(date(2010, 1, 31)) == [_NOON - 43_200]
    assert _read_times("2010-01-31") == [_NOON - 43_200]
    assert _read_times(_NOON, None) == [_NOON, None]
    assert _read_times(_NOON + 0.5) == [_NOON]


def test_numbers_are_milliseconds_where_most_are_too_large_for_seconds() -> None:
    assert _read_times(_NOON * 1000, _NOON * 1000 + 999, 0) == [_NOON, _NOON, 0]
    assert _read_times(_NOON, _NOON, 10**12) == [_NOON, _NOON, 10**12]


def test_the_form_that_reads_most_times_is_taken() -> None:
    assert _read_times("01/02/2010 00:00", "31/01/2010 00:00") == [1_264_982_400, 1_264_896_000]
    assert _read_times("01/02/2010 00:00", "01/31/2010 00:00") == [1_262_390_400, 1_264_896_000]


def test_a_named_form_is_taken_at_its_word() -> None:
    assert _read(times("%d.%m.%y"), "31.01.10", "2010-01-31") == [_NOON - 43_200, None]
    assert _read(times("seconds"), "1264939200000") == [1_264_939_200_000]


def test_lists_of_names_come_from_lists_or_from_divided_text() -> None:
    assert _read(names(">"), "Home> Tins >", "", None) == [["Home", "Tins"], [], []]
    assert _read(names(None), "Home>Tins", None) == [["Home>Tins"], []]
    assert _read(names(">"), ["Home ", "", None], [], None) == [["Home"], [], []]


def test_a_name_that_has_no_number_is_null() -> None:
    assert _read(one_of({"buy": 5}, "a type"), " buy", "sell", "") == [5, None, None]
