"""Cleaning that keeps its own table, where every dropped row has one reason, and the rules that all datasets share."""

import polars as pl

from shortlist.core.errors import InputError
from shortlist.offline.log import Dropped

_DAY_S = 86_400
_YEAR_2100_S = 4_102_444_800
_ROBOT_EVENTS = 1_000  # a day; one every minute and a half, around the clock
_ROBOT_FACTOR = 20
_ORDINARY_SHARE = 0.999


class Sieve:
    """Rows, narrowed step by step; `dropped` is the cleaning table so far.

    A row counts once, under the first reason that it meets.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        self.rows = rows
        self.dropped: tuple[Dropped, ...] = ()
        self._rows_read = rows.height

    def keep(self, condition: pl.Expr | pl.Series, otherwise: str) -> None:
        """Keep the rows where the condition is true; false and null are dropped for the reason `otherwise`."""
        kept = self.rows.filter(condition)
        self.dropped += (Dropped(otherwise, self.rows.height - kept.height),)
        self.rows = kept

    def drop_duplicates(self) -> None:
        """Drop rows that repeat another in every column."""
        # Only rows of equal hashes are compared: comparing all of them takes several times the memory of the rows.
        is_suspect = self.rows.hash_rows().is_duplicated()
        is_first = self.rows.filter(is_suspect).select(pl.struct(pl.all()).is_first_distinct()).to_series()
        self.keep((~is_suspect).scatter(is_suspect.arg_true(), is_first), "exact duplicates")

    def drop_impossible_times(self) -> None:
        """Drop rows whose `time` (seconds) no log can have: before 1970, or from 2100 on."""
        is_possible = pl.col("time").is_between(0, _YEAR_2100_S, closed="left")
        self.keep(is_possible, "whose time is before 1970 or after 2099")

    def drop_robots(self) -> None:
        """Drop all rows of each `user` who did more in a day (UTC) than a person can.

        That is over 1,000 events or different items, and over 20 times the busiest day of all but one user in 1,000.
        Among fewer than 1,000 users these are all but the busiest one, who may be the robot.
        """
        busiest = (
            self.rows.group_by("user", day=pl.col("time") // _DAY_S)
            .agg(events=pl.len(), items=pl.col("item").n_unique())
            .group_by("user")
            .agg(pl.col("events", "items").max())
        )
        most = pl.col("events", "items").quantile(_ORDINARY_SHARE, "lower") * _ROBOT_FACTOR
        events, items = busiest.select(most.fill_null(0.0).clip(lower_bound=_ROBOT_EVENTS)).row(0)
        robots = busiest.filter((pl.col("events") > events) | (pl.col("items") > items))["user"]
        reason = f"of robots (over {events:,.0f} events or {items:,.0f} items in a day)"
        self.keep(~pl.col("user").is_in(robots.implode()), reason)

    def require_rows(self, source: str) -> None:
        """Raise InputError where nothing is left, and say what became of the rows."""
        if self.rows.is_empty():
            reasons = ", ".join(f"{line.rows:,} {line.reason}" for line in self.dropped if line.rows)
            raise InputError(f"{source}: none of its {self._rows_read:,} rows is usable ({reasons})")
