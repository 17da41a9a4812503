import gzip
from pathlib import Path

import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.offline.datasets.files import find_table, scan_lines, scan_table
from shortlist.offline.datasets.kinds import TEXT


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        find_table(tmp_path / "absent", "*.csv")
    for name in ("absent.csv", "absent.csv.gz", "absent.parquet"):
        with pytest.raises(InputError, match=f"{name}: there is no such file"):
            scan_table(tmp_path / name)


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
        ("log.csv.gz", gzip.compress(b""), "the file is empty"),
        ("log.csv.gz", b"a,b\n1,2\n", "not a whole gzip file"),
        ("log.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 99)[:-12], "not a whole gzip file"),
        ("log.parquet", b"PAR1", "not a parquet file"),
        ("log.xlsx", b"PK", r"only \.csv, \.csv\.gz and \.parquet are read here"),
    ],
)
def test_a_file_that_cannot_be_opened_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as refusal:
        scan_table(path)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("rest", [b"\xe9", b""], ids=["mixed encodings", "utf-8"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\n1," + rest + b"\n")
    assert scan_table(path).rows.collect_schema().names() == ["a", "b"]


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_only_the_lines_that_are_not_utf_8_are_read_as_latin_1(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"log{ending}"
    content = "a\ncafé\n".encode() + "rosé\n".encode("latin-1")
    path.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
    table = scan_table(path)
    assert table.collect({"a": TEXT})["a"].to_list() == ["café", "rosé"]
    assert table.notes == (f"log{ending}: 1 lines were not UTF-8 and were read as Latin-1",)


def test_a_character_across_two_blocks_is_still_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"a\n" + b"x" * ((1 << 20) - 3) + "é\n".encode())
    assert scan_table(path).notes == ()


def test_lines_are_divided_by_a_separator_of_several_characters_and_keep_their_quotes(tmp_path: Path) -> None:
    path = tmp_path / "movies.dat"
    path.write_bytes('1::A "Dangerous: Place::Drama\n2::Café::Comedy\n'.encode("latin-1"))
    table = scan_lines(path, ("id", "title", "genres"), "::")
    assert table.collect(dict.fromkeys(("id", "title", "genres"), TEXT)).rows() == [
        ("1", 'A "Dangerous: Place', "Drama"),
        ("2", "Café", "Comedy"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "the file is empty"), ("1::2\n", "row 1 has 2 fields between '::', expected 3"), ("1::2::3::4", "4 fields")],
)
def test_lines_of_another_number_of_fields_are_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "movies.dat"
    path.write_text(content)
    with pytest.raises(InputError, match=rf"movies\.dat: .*{reason}"):
        scan_lines(path, ("id", "title", "genres"), "::")


def test_a_parquet_files_rows_count_from_one_and_a_csv_files_from_two(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "log.parquet")
    pl.DataFrame({"a": [1]}).write_csv(tmp_path / "log.csv")
    assert scan_table(tmp_path / "log.parquet").first_row == 1
    assert scan_table(tmp_path / "log.csv").first_row == 2
