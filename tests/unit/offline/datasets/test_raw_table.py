import gzip
from pathlib import Path

import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.offline.datasets.raw_table import RawTable, find_table, read_table


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        find_table(tmp_path / "absent", "*.csv")


def test_a_folder_must_hold_exactly_one_match(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found: none"):
        find_table(tmp_path, "log*")
    (tmp_path / "log1.csv").touch()
    (tmp_path / "log2.csv").touch()
    with pytest.raises(InputError, match=r"found: log1\.csv, log2\.csv"):
        find_table(tmp_path, "log*")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("log.csv", b"", "the file is empty"),
        ("log.csv", b"a,b\n", "a header and no rows"),
        ("log.csv", b"a,b\n1,2,3\n", "not a CSV file"),
        ("log.csv.gz", b"a,b\n1,2\n", "not a whole gzip file"),
        ("log.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 99)[:-12], "not a whole gzip file"),
        ("log.parquet", b"PAR1", "not a parquet file"),
        ("log.xlsx", b"PK", "save a workbook's sheets as one CSV file"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as refusal:
        read_table(path)
    assert str(path) in str(refusal.value)


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    assert read_table(path).rows.columns == ["a", "b"]


def test_all_missing_columns_are_named_at_once() -> None:
    table = RawTable("log.csv", pl.DataFrame({"a": ["1"]}))
    with pytest.raises(InputError, match=r"log\.csv: lacks column b, c or d; it has a$"):
        table.select({"x": ("a",), "y": ("b",), "z": ("c", "d")})


def test_empty_values_are_null_rather_than_wrong() -> None:
    table = RawTable("log.csv", pl.DataFrame({"a": ["1.5", " ", "NaN", None]}))
    assert table.numbers("a").to_list() == [1.5, None, None, None]
    assert RawTable("log.csv", pl.DataFrame({"t": ["", None]})).times("t").to_list() == [None, None]


def test_the_format_that_reads_every_time_wins() -> None:
    times = RawTable("log.csv", pl.DataFrame({"t": ["01/02/2010 00:00", "31/01/2010 00:00"]})).times("t")
    assert times.to_list() == [1_264_982_400, 1_264_896_000]


def test_rows_of_a_parquet_file_count_from_one(tmp_path: Path) -> None:
    pl.DataFrame({"a": ["1", "x"]}).write_parquet(tmp_path / "log.parquet")
    with pytest.raises(InputError, match="column a, row 2: 'x' is not a number"):
        read_table(tmp_path / "log.parquet").numbers("a")
