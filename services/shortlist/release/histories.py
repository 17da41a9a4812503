"""Histories of many users as flat arrays: the user rows that a release brings along for a start and for warm-up."""

from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import F32, I32, I64, U8, AnyArray
from shortlist.release.strings import StringTable


@dataclass(frozen=True, slots=True)
class Histories:
    """Events of U users, each user's newest first.

    Args:
        users: U user ids.
        offsets: (U + 1,) int64, where user u's events begin and end.
        rows: (E,) int32, item rows.
        types: (E,) uint8, `EventType`.
        times: (E,) int64, seconds since 1970, UTC.
        values: (E,) float32, price paid or rating given.
    """

    users: StringTable
    offsets: I64
    rows: I32
    types: U8
    times: I64
    values: F32

    def __len__(self) -> int:
        return len(self.users)

    def span(self, user: int) -> slice:
        """Locate a user's events."""
        return slice(int(self.offsets[user]), int(self.offsets[user + 1]))

    def arrays(self) -> dict[str, AnyArray]:
        """Name the arrays for an npz file."""
        return {
            **self.users.arrays("user"),
            "offsets": self.offsets,
            "rows": self.rows,
            "types": self.types,
            "times": self.times,
            "values": self.values,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, AnyArray]) -> "Histories":
        """Read what `arrays` named; KeyError or ValueError where it does not fit together."""
        users = StringTable.from_arrays("user", arrays)
        offsets, rows = arrays["offsets"], arrays["rows"]
        columns = [arrays[name] for name in ("types", "times", "values")]
        if len(offsets) != len(users) + 1 or (np.diff(offsets) < 0).any():
            raise ValueError("histories are inconsistent")
        if offsets[0] != 0 or offsets[-1] != len(rows):
            raise ValueError("histories are inconsistent")
        if any(len(column) != len(rows) for column in columns):
            raise ValueError("histories are inconsistent")
        return cls(users, offsets, rows, *columns)
