"""A user's own log of events: whatever its columns are called, a TOML file says what they are."""

from pathlib import Path

import polars as pl

from shortlist.core.errors import InputError
from shortlist.offline.datasets.event_items import map_items
from shortlist.offline.datasets.event_mapping import IGNORED, EventColumns, EventMapping
from shortlist.offline.datasets.files import find_table, scan_table
from shortlist.offline.datasets.kinds import NUMBER, TEXT, one_of, times
from shortlist.offline.datasets.scanned_table import ScannedTable
from shortlist.offline.datasets.sieve import Sieve
from shortlist.offline.log import BehaviourLog, as_events

NAME = "events"


def load_events(path: Path | None) -> BehaviourLog:
    """Read the log that a TOML file describes, or the only TOML file of a folder.

    Raises:
        InputError: naming the file and the key, column or row that is wrong.
    """
    if path is None:
        raise InputError(f"{NAME} needs --path: the TOML file that names the columns of your log, or its folder")
    mapping = EventMapping.read(find_table(path, "*.toml"))
    table = _scan(mapping.events)
    rows = _typed(table, mapping.events)
    sieve = _clean(rows)
    sieve.require_rows(table.source)
    events = as_events(sieve.rows)
    mapped = map_items(events["item"].unique().sort(), mapping.items)
    return BehaviourLog(
        dataset=NAME,
        events=events,
        items=mapped.items,
        rows_read=rows.height,
        dropped=sieve.dropped,
        notes=(*table.notes, *_order_notes(rows, table.source), *mapped.notes),
        number_names=mapped.number_names,
    )


def _scan(columns: EventColumns) -> ScannedTable:
    named = {name: getattr(columns, name) for name in ("user", "item", "time", "type", "value")}
    return scan_table(columns.file).select({name: (column,) for name, column in named.items() if column is not None})


def _typed(table: ScannedTable, columns: EventColumns) -> pl.DataFrame:
    """Read the mapped columns, with the constant ones that the file does not have."""
    kinds = {
        "user": TEXT,
        "item": TEXT,
        "time": times(columns.time_format) if columns.time_format else table.times("time"),
    }
    if columns.type is not None:
        numbers = columns.type_numbers
        kinds["type"] = one_of(numbers, f"a name in events.types ({', '.join(numbers)})")
    if columns.value is not None:
        kinds["value"] = NUMBER
    rows = table.collect(kinds)
    if columns.default_number is not None:
        rows = rows.with_columns(type=pl.lit(columns.default_number, pl.UInt8))
    return rows if columns.value is not None else rows.with_columns(value=pl.lit(None, pl.Float64))


def _clean(rows: pl.DataFrame) -> Sieve:
    sieve = Sieve(rows)
    needed = pl.col("user", "item", "time", "type")
    sieve.keep(pl.all_horizontal(needed.is_not_null()), "without a user, an item, a time or a type")
    sieve.keep(pl.col("type") != IGNORED, "of types to ignore")
    sieve.drop_impossible_times()
    sieve.keep(pl.col("value").is_null() | (pl.col("value") >= 0), "whose value is negative")
    sieve.drop_duplicates()
    sieve.drop_robots()
    return sieve


def _order_notes(rows: pl.DataFrame, source: str) -> tuple[str, ...]:
    backwards = int((rows["time"].drop_nulls().diff() < 0).sum())
    return (f"{source}: time runs backwards at {backwards:,} rows; events were sorted",) if backwards else ()
