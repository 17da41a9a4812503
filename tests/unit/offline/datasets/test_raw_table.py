from pathlib import Path

import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.offline.datasets.raw_table import RawTable, read_table


def test_all_missing_columns_are_named_at_once() -> None:
    table = RawTable("log.csv", pl.DataFrame({"a": ["1"]}))
    with pytest.raises(InputError, match=r"log\.csv: lacks column b, c or d; it has a$"):
        table.select({"x": ("a",), "y": ("b",), "z": ("c", "d")})


def test_columns_are_read_as_text_numbers_and_times() -> None:
    table = RawTable("log.csv", pl.DataFrame({"a": ["1.5", " ", "NaN", None], "t": ["2010-01-01", "", None, " "]}))
    assert table.texts("a").to_list() == ["1.5", None, None, None]
    assert table.numbers("a").to_list() == [1.5, None, None, None]
    assert table.times("t").to_list() == [1_262_304_000, None, None, None]


def test_a_wrong_value_is_named_by_the_files_column_and_row(tmp_path: Path) -> None:
    pl.DataFrame({"a": ["1", "x"]}).write_parquet(tmp_path / "log.parquet")
    table = read_table(tmp_path / "log.parquet").select({"price": ("a",)})
    with pytest.raises(InputError, match=r"log\.parquet: column a, row 2: 'x' is not a number"):
        table.numbers("price")


@pytest.mark.parametrize(
    ("content", "reason"), [(b"a,b\n", "the file has no rows"), (b"a,b\n1,2,3\n", "the file cannot be read")]
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"log\.csv: {reason}"):
        read_table(path)
