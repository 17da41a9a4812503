from pathlib import Path

import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.offline.datasets.files import scan_table
from shortlist.offline.datasets.kinds import NUMBER, TEXT
from shortlist.offline.datasets.scanned_table import ScannedTable


def _table(**columns: list[object]) -> ScannedTable:
    return ScannedTable("log.csv", pl.LazyFrame(columns))


def test_columns_are_read_in_the_order_of_their_kinds() -> None:
    rows = _table(a=["1"], b=[" x "], c=["-"]).collect({"b": TEXT, "a": NUMBER})
    assert rows.to_dict(as_series=False) == {"b": ["x"], "a": [1.0]}


def test_the_first_value_that_is_wrong_is_named_by_the_files_column_and_row() -> None:
    table = _table(Price=["1", "", "x", "y"]).select({"price": ("Price",)})
    with pytest.raises(InputError, match=r"^log\.csv: column Price, row 4: 'x' is not a number$"):
        table.collect({"price": NUMBER})


def test_all_missing_columns_are_named_at_once() -> None:
    with pytest.raises(InputError, match=r"log\.csv: lacks column b, c or d; it has a$"):
        _table(a=["1"]).select({"x": ("a",), "y": ("b",), "z": ("c", "d")})


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(InputError, match=r"log\.csv: the file has no rows"):
        _table(a=[]).collect({"a": TEXT})


def test_a_line_with_too_many_fields_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("a,b\n1,2\n1,2,3\n")
    table = scan_table(tmp_path / "log.csv")
    with pytest.raises(InputError, match=r"log\.csv: the file cannot be read \(found more fields"):
        table.collect({"a": TEXT})


def test_a_column_that_nobody_asks_for_may_hold_anything() -> None:
    assert _table(a=["1"], b=[b"\xff"]).collect({"a": TEXT}).columns == ["a"]
