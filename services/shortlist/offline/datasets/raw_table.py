"""A raw table as a file gave it: found, decoded, and turned into typed columns with errors that name the row.

It decides what can be read (CSV, CSV in gzip, parquet) and how bytes become text, numbers and times. What a column
means, and which rows to keep, is the dataset's business.
"""

import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from shortlist.core.errors import InputError

TIME_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M")
"""The formats that copies of published logs use; the first that reads every value of a column is taken."""
_UTF8_BOM = b"\xef\xbb\xbf"


def find_table(path: Path, pattern: str) -> Path:
    """Find the one file that matches the pattern in a folder; a file stands for itself.

    Raises:
        InputError: nothing is there, nothing matches, or more than one file does.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise InputError(f"{path}: there is no such file or folder")
    found = sorted(entry for entry in path.glob(pattern) if entry.is_file())
    if len(found) != 1:
        names = ", ".join(entry.name for entry in found) or "none"
        raise InputError(f"{path}: one file named {pattern} is wanted, found: {names}")
    return found[0]


@dataclass(frozen=True, slots=True)
class RawTable:
    """The columns of a file, and where they came from.

    Args:
        source: What errors call it.
        rows: All columns; strings when read from CSV, whatever the file says when read from parquet.
        first_row: Number of the first row: 2 under a header line, as a spreadsheet shows it, else 1.
        notes: What happened while reading that a reader must know.
        original: What the file calls a column that `select` renamed.
    """

    source: str
    rows: pl.DataFrame
    first_row: int = 2
    notes: tuple[str, ...] = ()
    original: Mapping[str, str] = field(default_factory=dict)

    def select(self, wanted: Mapping[str, Sequence[str]]) -> "RawTable":
        """Keep the wanted columns, each known to the file by one of its names.

        Raises:
            InputError: naming the columns that are missing and those that are there.
        """
        present = self.rows.columns
        found = {name: variant for name, variants in wanted.items() for variant in variants if variant in present}
        missing = [" or ".join(variants) for name, variants in wanted.items() if name not in found]
        if missing:
            raise InputError(f"{self.source}: lacks column {', '.join(missing)}; it has {', '.join(present)}")
        return replace(self, rows=self.rows.select(**found), original=found)

    def texts(self, column: str) -> pl.Series:
        """Read a column as stripped text; empty text and the `nan` of careless exports become null."""
        text = self.rows[column].cast(pl.String).str.strip_chars()
        return text.set(text.str.to_lowercase().is_in(["", "nan"]), None)

    def numbers(self, column: str) -> pl.Series:
        """Read a column as float64, null where it is empty; InputError for the first value that is no number."""
        text = self.texts(column)
        numbers = text.cast(pl.Float64, strict=False)
        return self._checked(column, text, numbers.set(numbers.is_infinite(), None), "a number")

    def times(self, column: str) -> pl.Series:
        """Read a column as seconds since 1970, null where it is empty; a time without a zone is taken as UTC.

        Raises:
            InputError: for the first value that the best of `TIME_FORMATS` does not read.
        """
        values = self.rows[column]
        if values.dtype.is_temporal():
            return values.dt.epoch("s").cast(pl.Int64)
        text = self.texts(column)
        best = pl.Series(column, [None] * len(text), pl.Int64)
        for form in TIME_FORMATS:
            times = text.str.to_datetime(form, time_unit="ms", strict=False).dt.epoch("s")
            if times.null_count() < best.null_count():
                best = times
            if best.null_count() == text.null_count():
                break
        return self._checked(column, text, best, "a time")

    def _checked(self, column: str, text: pl.Series, parsed: pl.Series, kind: str) -> pl.Series:
        wrong = (text.is_not_null() & parsed.is_null()).arg_true()
        if wrong.is_empty():
            return parsed
        name, at = self.original.get(column, column), wrong[0]
        raise InputError(f"{self.source}: column {name}, row {at + self.first_row:,}: {text[at]!r} is not {kind}")


def read_table(path: Path) -> RawTable:
    """Read a file by its name's ending: .csv, .csv.gz or .parquet.

    Raises:
        InputError: the file is of another kind, damaged or without rows.
    """
    if path.suffix == ".parquet":
        return read_parquet(path.read_bytes(), str(path))
    if path.name.endswith((".csv", ".csv.gz")):
        return _read_csv(path)
    raise InputError(f"{path}: only .csv, .csv.gz and .parquet are read; save a workbook's sheets as one CSV file")


def read_parquet(content: bytes, source: str) -> RawTable:
    """Read a parquet file's bytes; InputError where they are none."""
    try:
        return RawTable(source, pl.read_parquet(io.BytesIO(content)), first_row=1)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{source}: not a parquet file ({_first_line(error)})") from error


def _read_csv(path: Path) -> RawTable:
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: not a whole gzip file ({error})") from error
    text, repaired = _as_utf8(content.removeprefix(_UTF8_BOM))
    try:
        rows = pl.read_csv(io.BytesIO(text), infer_schema=False)
    except pl.exceptions.NoDataError as error:
        raise InputError(f"{path}: the file is empty") from error
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path}: not a CSV file ({_first_line(error)})") from error
    if rows.is_empty():
        raise InputError(f"{path}: the file has a header and no rows")
    notes = (f"{repaired:,} lines were not UTF-8 and were read as Latin-1",) if repaired else ()
    return RawTable(str(path), rows, notes=notes)


def _as_utf8(content: bytes) -> tuple[bytes, int]:
    """Recode the lines that are not UTF-8 as Latin-1, which never fails, and count them."""
    try:
        content.decode()
    except UnicodeDecodeError:
        lines = content.split(b"\n")
    else:
        return content, 0
    repaired = 0
    for at, line in enumerate(lines):
        try:
            line.decode()
        except UnicodeDecodeError:
            lines[at] = line.decode("latin-1").encode()
            repaired += 1
    return b"\n".join(lines), repaired


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
