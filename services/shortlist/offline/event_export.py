"""Recorded events as a log to train on: Parquet, and the TOML that `--dataset events` reads it by."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from shortlist.core.errors import InputError
from shortlist.core.types import FIRST_ITEM_ROW, EventType
from shortlist.release.bundle import Release
from shortlist.v1 import events_pb2

_TYPES = {int(kind): kind.name.lower() for kind in EventType}
_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("user", pa.string()),
        ("item", pa.string()),
        ("time", pa.timestamp("ms", "UTC")),
        ("type", pa.string()),
        ("value", pa.float64()),
        ("request_id", pa.string()),
        ("rank", pa.int64()),
        ("surface", pa.string()),
    ]
)
_ROWS_A_GROUP = 100_000
_EVENTS_TOML = """[events]
file = "{events}"
user = "user"
item = "item"
time = "time"
type = "type"
value = "value"
"""
_ITEMS_TOML = """
[items]
file = "{items}"
id = "item"
title = "title"
categories = "categories"
price = "price"
"""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: how many events, and the TOML that names the files."""

    events: int
    toml: Path


def export_events(pages: Iterable[Sequence[events_pb2.Event]], out: Path, release: Release | None = None) -> Exported:
    """Write events, and the items of a release where there is one; what is held at a time is 100,000 rows.

    Args:
        pages: Events.
        out: The Parquet file; the TOML lies beside it, and the items.
        release: Says what the items are.

    Raises:
        InputError: a file is there already, or cannot be written, or there are no events.
    """
    toml, items = out.with_suffix(".toml"), out.with_suffix(".items.parquet")
    if out.suffix != ".parquet":
        raise InputError(f"--out {out}: the name must end with .parquet")
    for path in (out, toml, *((items,) if release else ())):
        if path.exists():
            raise InputError(f"{path} exists: an export overwrites nothing; choose another --out")
    partial = out.with_name(f".{out.name}.partial")
    try:
        count = _write(pages, partial)
        if not count:
            raise InputError("the streams hold no events: record some first")
        if release is not None:
            _items(release).write_parquet(items)
        partial.rename(out)
        described = _EVENTS_TOML.format(events=out.name) + (_ITEMS_TOML.format(items=items.name) if release else "")
        toml.write_text(described)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return Exported(count, toml)


def _write(pages: Iterable[Sequence[events_pb2.Event]], path: Path) -> int:
    count = 0
    held: list[events_pb2.Event] = []
    with pq.ParquetWriter(path, _SCHEMA) as writer:
        for page in pages:
            held += page
            if len(held) >= _ROWS_A_GROUP:
                writer.write_table(_table(held))
                count, held = count + len(held), []
        if held:
            writer.write_table(_table(held))
    return count + len(held)


def _table(events: Sequence[events_pb2.Event]) -> pa.Table:
    columns = {
        "event_id": [event.event_id for event in events],
        "user": [event.user_id for event in events],
        "item": [event.item_id for event in events],
        "time": [event.time.ToMilliseconds() for event in events],
        "type": [_TYPES.get(event.type) for event in events],
        "value": [event.value for event in events],
        "request_id": [event.request_id or None for event in events],
        "rank": [event.rank or None for event in events],
        "surface": [event.surface or None for event in events],
    }
    return pa.table(columns, _SCHEMA)


def _items(release: Release) -> pl.DataFrame:
    catalogue, ids = release.catalogue, release.vocabulary.ids
    rows = range(FIRST_ITEM_ROW, release.vocabulary.row_count)
    return pl.DataFrame(
        {
            "item": list(ids),
            "title": [catalogue.titles[row] for row in rows],
            "categories": [catalogue.categories_of(row) for row in rows],
            "price": pl.Series(catalogue.prices[FIRST_ITEM_ROW:]).fill_nan(None),
        }
    )
