"""A table on disk that is read as typed columns only: text, numbers and times, with errors that name the row.

What a column means, and which rows to keep, is the dataset's business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from shortlist.core.errors import InputError
from shortlist.offline.datasets.kinds import TEXT, Kind, found_form, times


@dataclass(frozen=True, slots=True)
class ScannedTable:
    """The columns of a file, not read yet, and where they come from.

    Args:
        source: What errors call it.
        rows: All columns; strings where the file has no types.
        first_row: Number of the first row: 2 under a header line, as a spreadsheet shows it, else 1.
        notes: What happened to the file that a reader must know.
        original: What the file calls a column that `select` renamed.
        has_lines: Whether it is text in lines: polars refuses a line with too many fields only where it divides all of
            it, so columns that are not wanted are read too, and dropped block by block.
    """

    source: str
    rows: pl.LazyFrame
    first_row: int = 2
    notes: tuple[str, ...] = ()
    original: Mapping[str, str] = field(default_factory=dict)
    has_lines: bool = False

    def select(self, wanted: Mapping[str, Sequence[str]]) -> "ScannedTable":
        """Keep the wanted columns, each known to the file by one of its names.

        Raises:
            InputError: naming the columns that are missing and those that are there.
        """
        found = found_columns(self.source, self.rows.collect_schema().names(), wanted)
        return replace(self, rows=self.rows.select(**found), original=found)

    def times(self, column: str) -> Kind:
        """Find out how a column's times are written, which reads it once; InputError where the file is damaged."""
        try:
            return times(found_form(self.rows, column, self.rows.collect_schema()[column]))
        except pl.exceptions.PolarsError as error:
            raise self.unreadable(error) from error

    def collect(self, kinds: Mapping[str, Kind]) -> pl.DataFrame:
        """Read columns, in the order of their kinds; only what was read is held.

        Raises:
            InputError: for the first value that is not of its column's kind, a damaged file, or one without rows.
        """
        schema = self.rows.collect_schema()
        read = {name: kind.read(pl.col(name), schema[name]) for name, kind in kinds.items()}
        wrong = {
            f"wrong {name}": TEXT.read(pl.col(name), schema[name]).is_not_null() & read[name].is_null()
            for name, kind in kinds.items()
            if not kind.is_always_readable
        }
        optimizations = pl.QueryOptFlags(projection_pushdown=not self.has_lines)
        try:
            rows = self.rows.select(**read, **wrong).collect(engine="streaming", optimizations=optimizations)
        except pl.exceptions.PolarsError as error:
            raise self.unreadable(error) from error
        if rows.is_empty():
            raise InputError(f"{self.source}: the file has no rows")
        for name in wrong:
            self._refuse(name.removeprefix("wrong "), rows[name], kinds)
        return rows.drop(wrong)

    def _refuse(self, column: str, wrong: pl.Series, kinds: Mapping[str, Kind]) -> None:
        if not wrong.any():
            return
        at = wrong.arg_max() or 0
        value = self.rows.slice(at, 1).select(pl.col(column).cast(pl.String).str.strip_chars()).collect().item()
        name, row = self.original.get(column, column), at + self.first_row
        raise InputError(f"{self.source}: column {name}, row {row:,}: {value!r} is not {kinds[column].name}")

    def unreadable(self, error: pl.exceptions.PolarsError) -> InputError:
        """Say what is wrong with the file, for raising."""
        return InputError(f"{self.source}: the file cannot be read ({str(error).partition(chr(10))[0]})")


def found_columns(source: str, present: Sequence[str], wanted: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Find what a file calls the wanted columns, each by one of its names; InputError where some are missing."""
    found = {name: variant for name, variants in wanted.items() for variant in variants if variant in present}
    if missing := [" or ".join(variants) for name, variants in wanted.items() if name not in found]:
        raise InputError(f"{source}: lacks column {', '.join(missing)}; it has {', '.join(present)}")
    return found
