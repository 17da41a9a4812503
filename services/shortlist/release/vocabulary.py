"""Which items a release knows: ids by row, and rows by item key with one binary search."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import I32, U64, AnyArray
from shortlist.core.keys import PADDING_KEY, item_keys
from shortlist.core.types import FIRST_ITEM_ROW, PADDING_ROW, UNKNOWN_ROW
from shortlist.release.strings import StringTable


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Items of a release; item i of `ids` has row i + 2.

    Args:
        ids: Item ids in row order.
        sorted_keys: (n,) uint64, ascending.
        sorted_rows: (n,) int32, the row of each key.
    """

    ids: StringTable
    sorted_keys: U64
    sorted_rows: I32

    @classmethod
    def build(cls, item_ids: Iterable[str]) -> "Vocabulary":
        """Number ids in their order; ValueError where one repeats or two hash to the same key."""
        ids = StringTable.pack(item_ids)
        keys = item_keys(ids)
        order = np.argsort(keys)
        ordered = keys[order]
        if (ordered[1:] == ordered[:-1]).any() or (ordered == PADDING_KEY).any():
            raise ValueError("item ids repeat, or two of them share a 64-bit key")
        return cls(ids, ordered, (order + FIRST_ITEM_ROW).astype(np.int32))

    @property
    def row_count(self) -> int:
        """Rows of the release's arrays: items, padding and unknown."""
        return len(self.ids) + FIRST_ITEM_ROW

    def rows_of_keys(self, keys: U64) -> I32:
        """Map keys of any shape to rows: key 0 to padding, a key that the release lacks to unknown."""
        if len(self.sorted_keys) == 0:
            return np.where(keys == PADDING_KEY, PADDING_ROW, UNKNOWN_ROW).astype(np.int32)
        places = np.searchsorted(self.sorted_keys, keys)
        np.minimum(places, len(self.sorted_keys) - 1, out=places)
        rows = np.where(self.sorted_keys[places] == keys, self.sorted_rows[places], UNKNOWN_ROW)
        rows[keys == PADDING_KEY] = PADDING_ROW
        return rows.astype(np.int32, copy=False)

    def rows_of_ids(self, item_ids: Iterable[str]) -> I32:
        """Map ids to rows; unknown ones to row 1."""
        return self.rows_of_keys(item_keys(item_ids))

    def id_of(self, row: int) -> str:
        """Name the item of a row from 2 up."""
        item_id: str = self.ids[row - FIRST_ITEM_ROW]
        return item_id

    def ids_of(self, rows: I32) -> list[str]:
        """Name the items of (n,) rows from 2 up."""
        return self.ids.pick(rows - FIRST_ITEM_ROW)

    def keys_by_row(self) -> U64:
        """Invert the mapping: (row_count,) uint64, 0 for padding and unknown."""
        keys = np.zeros(self.row_count, np.uint64)
        keys[self.sorted_rows] = self.sorted_keys
        return keys

    def arrays(self) -> dict[str, AnyArray]:
        """Name the arrays for an npz file."""
        return {**self.ids.arrays("id"), "sorted_keys": self.sorted_keys, "sorted_rows": self.sorted_rows}

    @classmethod
    def from_arrays(cls, arrays: dict[str, AnyArray]) -> "Vocabulary":
        """Read what `arrays` named; KeyError or ValueError where it does not fit together."""
        ids = StringTable.from_arrays("id", arrays)
        keys, rows = arrays["sorted_keys"], arrays["sorted_rows"]
        if not len(ids) == len(keys) == len(rows) or (keys[1:] <= keys[:-1]).any():
            raise ValueError("vocabulary is inconsistent")
        if not np.array_equal(np.sort(rows), np.arange(FIRST_ITEM_ROW, len(ids) + FIRST_ITEM_ROW)):
            raise ValueError("vocabulary is inconsistent")
        return cls(ids, keys, rows)
