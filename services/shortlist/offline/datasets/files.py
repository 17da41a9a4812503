"""Files of raw tables: found, decoded and scanned, whatever the format; one sentence where that fails."""

import codecs
import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, cast

import polars as pl

from shortlist.core.errors import InputError
from shortlist.offline.datasets.scanned_table import ScannedTable

_BLOCK_BYTES = 1 << 20
_FIELD_END = "\x1f"  # ASCII's own separator of fields: no text has it, so it may stand for a longer one


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


def scan_table(path: Path) -> ScannedTable:
    """Open a file by its name's ending: .csv, .csv.gz or .parquet.

    A CSV file is read in blocks; one that is not UTF-8 is held as a whole, its lines in other encodings are taken as
    Latin-1.

    Raises:
        InputError: the file is missing, of another kind, damaged or empty.
    """
    if path.suffix == ".parquet":
        return scan_parquet(existing(path), str(path))
    if not path.name.endswith((".csv", ".csv.gz")):
        raise InputError(f"{path}: only .csv, .csv.gz and .parquet are read here")
    content, notes = (path, ()) if _is_utf8(existing(path)) else _recoded(path)
    rows = pl.scan_csv(content, infer_schema=False)
    try:
        rows.collect_schema()
    except pl.exceptions.NoDataError as error:
        raise InputError(f"{path}: the file is empty") from error
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path}: not a CSV file ({error})") from error
    return ScannedTable(str(path), rows, notes=notes, has_lines=True)


def scan_parquet(content: Path | bytes, source: str) -> ScannedTable:
    """Open a parquet file, or its bytes; InputError where they are none."""
    rows = pl.scan_parquet(content if isinstance(content, Path) else io.BytesIO(content))
    try:
        rows.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{source}: not a parquet file ({str(error).partition(chr(10))[0]})") from error
    return ScannedTable(source, rows, first_row=1)


def scan_lines(path: Path, columns: Sequence[str], separator: str) -> ScannedTable:
    """Open a file without header and quotes, whose separator may be several characters; it is held as a whole.

    Args:
        path: The file.
        columns: Names of all of its columns; errors call them so.
        separator: What stands between two fields.

    Raises:
        InputError: the file is missing or empty, or its first line has fewer or more fields.
    """
    text, notes = _recoded(existing(path))
    content = text.getvalue().replace(separator.encode(), _FIELD_END.encode())
    if not content:
        raise InputError(f"{path}: the file is empty")
    fields = content.partition(b"\n")[0].count(_FIELD_END.encode()) + 1
    if fields != len(columns):
        raise InputError(f"{path}: row 1 has {fields} fields between {separator!r}, expected {len(columns)}")
    rows = pl.scan_csv(
        io.BytesIO(content),
        has_header=False,
        separator=_FIELD_END,
        quote_char=None,
        schema=dict.fromkeys(columns, pl.String()),
    )
    return ScannedTable(str(path), rows, first_row=1, notes=notes, has_lines=True)


def existing(path: Path) -> Path:
    """Pass a file; InputError where there is none."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    return path


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with _opened(path) as file:
            while block := file.read(_BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: not a whole gzip file ({error})") from error
    return True


def _recoded(path: Path) -> tuple[io.BytesIO, tuple[str, ...]]:
    """Recode the lines that are not UTF-8 as Latin-1, which never fails, and count them."""
    with _opened(path) as file:
        lines = file.read().removeprefix(codecs.BOM_UTF8).split(b"\n")
    repaired = 0
    for at, line in enumerate(lines):
        try:
            line.decode()
        except UnicodeDecodeError:
            lines[at] = line.decode("latin-1").encode()
            repaired += 1
    notes = (f"{path.name}: {repaired:,} lines were not UTF-8 and were read as Latin-1",) if repaired else ()
    return io.BytesIO(b"\n".join(lines)), notes
