"""A table held whole, for those who need its columns as the file has them; typed columns name the row of an error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from shortlist.core.errors import InputError
from shortlist.offline.datasets.files import scan_table
from shortlist.offline.datasets.kinds import NUMBER, TEXT, Kind
from shortlist.offline.datasets.scanned_table import ScannedTable, found_columns


@dataclass(frozen=True, slots=True)
class RawTable:
    """The columns of a file; the arguments are those of `ScannedTable`, with the rows in memory."""

    source: str
    rows: pl.DataFrame
    first_row: int = 2
    notes: tuple[str, ...] = ()
    original: Mapping[str, str] = field(default_factory=dict)

    def select(self, wanted: Mapping[str, Sequence[str]]) -> "RawTable":
        """Keep the wanted columns, each known to the file by one of its names; InputError where some are missing."""
        found = found_columns(self.source, self.rows.columns, wanted)
        return replace(self, rows=self.rows.select(**found), original=found)

    def texts(self, column: str) -> pl.Series:
        """Read a column as stripped text; empty text and the `nan` of careless exports become null."""
        return self._read(column, TEXT)

    def numbers(self, column: str) -> pl.Series:
        """Read a column as float64, null where it is empty; InputError for the first value that is no number."""
        return self._read(column, NUMBER)

    def times(self, column: str) -> pl.Series:
        """Read a column as seconds since 1970, null where it is empty; InputError for the first that is no time."""
        return self._read(column, self._scanned.times(column))

    @property
    def _scanned(self) -> ScannedTable:
        return ScannedTable(self.source, self.rows.lazy(), self.first_row, self.notes, self.original)

    def _read(self, column: str, kind: Kind) -> pl.Series:
        return self._scanned.collect({column: kind})[column]


def read_table(path: Path) -> RawTable:
    """Read a file by its name's ending: .csv, .csv.gz or .parquet.

    Raises:
        InputError: the file is of another kind, damaged or without rows.
    """
    scanned = scan_table(path)
    try:
        rows = scanned.rows.collect()
    except pl.exceptions.PolarsError as error:
        raise scanned.unreadable(error) from error
    if rows.is_empty():
        raise InputError(f"{path}: the file has no rows")
    return RawTable(scanned.source, rows, scanned.first_row, scanned.notes)
