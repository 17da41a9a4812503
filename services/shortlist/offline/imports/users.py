"""The users of an import: what they did, as the rows that fill an online store for a start and for warm-up."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from shortlist.core.errors import InputError
from shortlist.core.types import FIRST_ITEM_ROW, EventType
from shortlist.features.row import MAX_EVENTS
from shortlist.offline.datasets.raw_table import RawTable, read_table
from shortlist.offline.imports.tables import ids, refuse, require
from shortlist.release.histories import Histories
from shortlist.release.strings import StringTable
from shortlist.release.vocabulary import Vocabulary

_TYPES = {event.name.lower(): int(event) for event in EventType}


@dataclass(frozen=True, slots=True)
class OwnUsers:
    """Histories, and the end of the log that they are of, seconds since 1970; None: there is none."""

    histories: Histories
    until_s: int | None
    notes: tuple[str, ...]


def no_users() -> OwnUsers:
    """Stand in for a file that was not given."""
    nothing = np.zeros(0, np.int64)
    histories = Histories(
        StringTable.pack(()),
        np.zeros(1, np.int64),
        nothing.astype(np.int32),
        nothing.astype(np.uint8),
        nothing,
        nothing.astype(np.float32),
    )
    return OwnUsers(histories, None, ("no users: nothing is seeded, and warm-up has no requests to replay",))


def read_users(path: Path, vocabulary: Vocabulary) -> OwnUsers:
    """Read events (user, item, time, and optionally type and value).

    As in the online store, a user keeps the newest event of each item and type, 256 at most. `time` is a timestamp or
    seconds since 1970; `type` one of impression, view, click, cart, purchase, hide, and click without the column.

    Raises:
        InputError: one sentence that names file, column and row.
    """
    table = read_table(path)
    require(table, "user", "item", "time")
    events = pl.DataFrame(
        {
            "user": ids(table, "user"),
            "row": vocabulary.rows_of_ids(ids(table, "item")),
            "type": _types(table),
            "time": _times(table),
            "value": _values(table),
        }
    ).filter(pl.col("row") >= FIRST_ITEM_ROW)
    if events.is_empty():
        raise InputError(f"{path}: column item: none of its items is among the release's")
    kept = (
        events.with_row_index("place")
        .sort("user", "time", "place", descending=[False, True, True])
        .unique(["user", "row", "type"], keep="first", maintain_order=True)
        .filter(pl.int_range(pl.len()).over("user") < MAX_EVENTS)
    )
    lengths = kept.group_by("user", maintain_order=True).len()
    histories = Histories(
        StringTable.pack(lengths["user"]),
        np.concatenate([[0], np.cumsum(lengths["len"].to_numpy(), dtype=np.int64)]),
        kept["row"].to_numpy(),
        kept["type"].to_numpy(),
        kept["time"].to_numpy(),
        kept["value"].to_numpy(),
    )
    return OwnUsers(histories, int(events["time"].to_numpy().max()) + 1, _notes(table, len(events)))


def _notes(table: RawTable, known: int) -> tuple[str, ...]:
    notes = []
    if unknown := len(table.rows) - known:
        notes.append(f"{unknown:,} events of items that are not in the release were left out")
    if "type" not in table.rows.columns:
        notes.append("the users' events came without a type: they are clicks")
    return tuple(notes)


def _types(table: RawTable) -> pl.Series:
    if "type" not in table.rows.columns:
        return pl.repeat(int(EventType.CLICK), len(table.rows), dtype=pl.UInt8, eager=True)
    names = table.texts("type").str.to_lowercase()
    numbers = names.replace_strict(_TYPES, default=None, return_dtype=pl.UInt8)
    refuse(table, "type", numbers.is_null(), f"is not one of {', '.join(_TYPES)}")
    return numbers


def _times(table: RawTable) -> pl.Series:
    seconds = table.times("time")
    fits = seconds.is_between(0, 2**32 - 1).fill_null(value=False)  # a stored event has 32 bits for its time
    refuse(table, "time", ~fits, "is not a time from 1970 to 2106")
    return seconds


def _values(table: RawTable) -> pl.Series:
    if "value" not in table.rows.columns:
        return pl.repeat(0.0, len(table.rows), dtype=pl.Float32, eager=True)
    values = table.numbers("value").fill_null(0.0).cast(pl.Float32)
    refuse(table, "value", values.is_infinite(), "is beyond float32")
    return values
