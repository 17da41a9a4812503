"""What the files of an import have in common: they exist, and their ids are fit for requests."""

from pathlib import Path

import polars as pl

from shortlist.core.arrays import Bool
from shortlist.core.errors import InputError
from shortlist.offline.datasets.raw_table import RawTable

MAX_ID_BYTES = 256
"""As in requests."""


def existing(path: Path) -> Path:
    """Pass a file; InputError where there is none."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    return path


def require(table: RawTable, *columns: str) -> None:
    """Refuse a table that lacks a column; InputError names those that it has."""
    table.select({name: (name,) for name in columns})


def ids(table: RawTable, column: str) -> pl.Series:
    """Read ids as text, as they are; whole numbers are written out.

    Raises:
        InputError: the column holds something else, or an id is empty or over 256 bytes.
    """
    values = table.rows[column]
    if values.dtype != pl.String and not values.dtype.is_integer():
        raise InputError(f"{table.source}: column {column} holds {values.dtype}, expected text or whole numbers")
    texts = values.cast(pl.String)
    refuse(table, column, texts.str.len_bytes().fill_null(0) == 0, "is empty")
    refuse(table, column, texts.str.len_bytes() > MAX_ID_BYTES, f"is over {MAX_ID_BYTES} bytes")
    return texts


def refuse(table: RawTable, column: str, wrong: pl.Series | Bool, reason: str) -> None:
    """Raise an InputError that names the first row where `wrong` is true, if there is one; null is not."""
    found = pl.Series(wrong).arg_true()
    if len(found):
        at = int(found[0])
        raise InputError(
            f"{table.source}: column {column}, row {at + table.first_row:,}: {_shown(table, column, at)} {reason}"
        )


def _shown(table: RawTable, column: str, at: int) -> str:
    text = repr(table.rows.row(at, named=True)[column])
    return text if len(text) <= 60 else f"{text[:60]}..."
