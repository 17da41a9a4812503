"""What items did, added up over the shards."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import F64, I64, U64, Structured
from shortlist.features.derived import RATE_HALF_LIFE_S, TYPES, decay


@dataclass(frozen=True, slots=True)
class ItemCounters:
    """Counters of n items.

    Args:
        keys: (n,) uint64, item keys, ascending.
        counts: (n, 6) int64, events by type.
        rates: (n, 6) float64, the same decayed with a half-life of three days, as of a moment.
    """

    keys: U64
    counts: I64
    rates: F64

    @classmethod
    def added_up(cls, fields: Iterable[bytes], records: Structured, at_s: float) -> "ItemCounters":
        """Add up the shards' counters of each item, decayed to a moment.

        Args:
            fields: Item keys, 8 bytes each; one may stand there once for each shard.
            records: `ITEM_DTYPE`, as many.
            at_s: Seconds since 1970.
        """
        keys, place = np.unique(np.frombuffer(b"".join(fields), "<u8"), return_inverse=True)
        counts, rates = np.zeros((len(keys), TYPES), np.int64), np.zeros((len(keys), TYPES))
        np.add.at(counts, place, records["counts"])
        np.add.at(rates, place, records["rates"] * decay(records["time"], at_s, RATE_HALF_LIFE_S)[:, None])
        return cls(keys, counts, rates)
