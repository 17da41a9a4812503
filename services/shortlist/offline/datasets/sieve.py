"""Cleaning that keeps its own table: every dropped row is counted under one reason."""

import polars as pl

from shortlist.core.errors import InputError
from shortlist.offline.log import Dropped


class Sieve:
    """Rows, narrowed step by step; `dropped` is the cleaning table so far.

    A row counts once, under the first reason that it meets.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        self.rows = rows
        self.dropped: tuple[Dropped, ...] = ()
        self._rows_read = rows.height

    def keep(self, condition: pl.Expr, otherwise: str) -> None:
        """Keep the rows where the condition is true; false and null are dropped for the reason `otherwise`."""
        kept = self.rows.filter(condition)
        self.dropped += (Dropped(otherwise, self.rows.height - kept.height),)
        self.rows = kept

    def require_rows(self, source: str) -> None:
        """Raise InputError where nothing is left, and say what became of the rows."""
        if self.rows.is_empty():
            reasons = ", ".join(f"{line.rows:,} {line.reason}" for line in self.dropped if line.rows)
            raise InputError(f"{source}: none of its {self._rows_read:,} rows is a usable purchase ({reasons})")
