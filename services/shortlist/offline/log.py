"""A behaviour log in the one shape that everything after the dataset adapters works on."""

from dataclasses import dataclass, field

import polars as pl

EVENT_SCHEMA = pl.Schema(
    {"user": pl.String(), "item": pl.String(), "type": pl.UInt8(), "time": pl.Int64(), "value": pl.Float32()}
)
"""`type` is a `shortlist.core.types.EventType`, `time` seconds since 1970 (UTC), `value` the money paid."""

ITEM_SCHEMA = pl.Schema(
    {"item": pl.String(), "title": pl.String(), "categories": pl.List(pl.String()), "price": pl.Float32()}
)
"""`categories` from general to special, empty where there are none; `price` null where there is none."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """One line of the cleaning table: why rows were dropped, and how many."""

    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class BehaviourLog:
    """What users did, and what the items are.

    Args:
        dataset: Name of the dataset adapter.
        events: `EVENT_SCHEMA`, ascending in time.
        items: `ITEM_SCHEMA`, one row an item, every item of `events` is in it.
        rows_read: Rows of the raw log.
        dropped: The cleaning table, in the order of cleaning.
        notes: What a reader must know, such as "categories are derived from titles".
    """

    dataset: str
    events: pl.DataFrame
    items: pl.DataFrame
    rows_read: int
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = field(default=())
