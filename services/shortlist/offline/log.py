"""A behaviour log in the one shape that everything after the dataset adapters works on."""

from dataclasses import dataclass

import polars as pl

EVENT_SCHEMA = pl.Schema(
    {"user": pl.String(), "item": pl.String(), "type": pl.UInt8(), "time": pl.Int64(), "value": pl.Float32()}
)
"""`type` is a `shortlist.core.types.EventType`, `time` seconds since 1970 (UTC), `value` the money paid or the stars
given, null where there is none."""

ITEM_SCHEMA = pl.Schema(
    {
        "item": pl.String(),
        "title": pl.String(),
        "categories": pl.List(pl.String()),
        "price": pl.Float32(),
        "text": pl.String(),
        "numbers": pl.List(pl.Float32()),
    }
)
"""`categories` from general to special, then what else filters; empty where there are none. `price` null where there is
none. `text` what can be read of an item beside its title, empty where there is nothing. `numbers` one for each of
`BehaviourLog.number_names`, NaN where unknown."""


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
        number_names: What the `numbers` of every item are.
        fewest_item_events: Events that an item has at least for a model to learn from it.
        has_ratings: Whether the value of an event is the stars that a user gave.
    """

    dataset: str
    events: pl.DataFrame
    items: pl.DataFrame
    rows_read: int
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()
    number_names: tuple[str, ...] = ()
    fewest_item_events: int = 5
    has_ratings: bool = False


def as_events(rows: pl.DataFrame) -> pl.DataFrame:
    """Bring rows into `EVENT_SCHEMA`, ascending in time; those of one second keep their order."""
    return rows.select(EVENT_SCHEMA.names()).cast(EVENT_SCHEMA).sort("time", maintain_order=True)


def as_items(rows: pl.DataFrame) -> pl.DataFrame:
    """Bring rows into `ITEM_SCHEMA`; columns that are missing are empty for every item."""
    empty = {"categories": pl.lit([]), "price": pl.lit(None), "text": pl.lit(""), "numbers": pl.lit([])}
    missing = {name: value for name, value in empty.items() if name not in rows.columns}
    return rows.with_columns(**missing).select(ITEM_SCHEMA.names()).cast(ITEM_SCHEMA)
