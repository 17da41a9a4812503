"""Which items the same users touched close together."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import F32, F64, I64, U8, U64, Structured
from shortlist.features.derived import PAIR_HALF_LIFE_S, decay

MOST_ITEMS = 10_000
NEIGHBOURS = 16
"""Others listed of an item."""
SMOOTHING = 5.0
"""Pairs of an item that count before any came: that one user touched two items says little."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """n pairs of items, each once.

    Args:
        keys: (m,) uint64, item keys, ascending.
        ones: (n,) int64, places of one item in `keys`.
        others: (n,) int64, places of the other.
        weights: (n,) float64, how often a user touched both close together, decayed with a half-life of 30 days.
    """

    keys: U64
    ones: I64
    others: I64
    weights: F64

    @classmethod
    def added_up(cls, fields: Iterable[bytes], records: Structured, at_s: float) -> "Pairs":
        """Add up the shards' weights of each pair, decayed to a moment.

        Args:
            fields: The two item keys, 16 bytes, in the same order everywhere; a pair may stand there once a shard.
            records: `PAIR_DTYPE`, as many.
            at_s: Seconds since 1970.
        """
        keys, places = np.unique(np.frombuffer(b"".join(fields), "<u8"), return_inverse=True)
        ones, others = places.reshape(-1, 2).T
        codes, place = np.unique(ones * len(keys) + others, return_inverse=True)
        weights = records["weight"] * decay(records["time"], at_s, PAIR_HALF_LIFE_S)
        one, other = np.divmod(codes, max(len(keys), 1))
        return cls(keys, one, other, np.bincount(place, weights, len(codes)).astype(np.float64))


@dataclass(frozen=True, slots=True)
class CoVisits:
    """Others that go with n items, strongest first.

    Args:
        keys: (n,) uint64, item keys.
        counts: (n,) uint8, how many others each has.
        others: (m,) uint64, item keys, those of the first item first.
        weights: (m,) float32, above 0, at most 1.
    """

    keys: U64
    counts: U8
    others: U64
    weights: F32


def covisits(pairs: Pairs, most_items: int = MOST_ITEMS, most_others: int = NEIGHBOURS) -> CoVisits:
    """List for each item the others that go with it most, of the items with the most pairs.

    Weights are w / sqrt((a + 5) (b + 5)), where a and b add up the pairs of either item: what goes with everything
    goes with nothing.
    """
    ones, others = np.concatenate([pairs.ones, pairs.others]), np.concatenate([pairs.others, pairs.ones])
    weights = np.concatenate([pairs.weights, pairs.weights])
    sums = np.bincount(ones, weights, len(pairs.keys))
    weights = weights / np.sqrt((sums[ones] + SMOOTHING) * (sums[others] + SMOOTHING))
    rank_of = np.empty(len(sums), np.int64)
    rank_of[np.argsort(-sums, kind="stable")] = np.arange(len(sums))
    order = np.lexsort((others, -weights, ones))
    starts = np.searchsorted(ones[order], np.arange(len(sums)))
    place = np.arange(len(order)) - starts[ones[order]]
    order = order[(place < most_others) & (rank_of[ones[order]] < most_items)]
    counts = np.bincount(ones[order], minlength=len(sums))
    listed = np.flatnonzero(counts)
    return CoVisits(
        pairs.keys[listed],
        counts[listed].astype(np.uint8),
        pairs.keys[others[order]],
        weights[order].astype(np.float32),
    )
