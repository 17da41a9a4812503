"""Sets of small integers, one for each of many owners, as two flat arrays: items by user, or users by item."""

from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import I32, I64, Bool


@dataclass(frozen=True, slots=True)
class ItemSets:
    """U sets of codes.

    Args:
        offsets: (U + 1,) int64, where the set of owner u begins and ends in `codes`.
        codes: int32, 0 or more, ascending and distinct within a set.
    """

    offsets: I64
    codes: I32

    @classmethod
    def from_pairs(cls, owners: I32 | I64, codes: I32 | I64, count: int) -> "ItemSets":
        """Collect (owner, code) pairs into `count` sets; pairs come in any order, repeated ones count once."""
        pairs = np.unique(np.stack([owners, codes]), axis=1)
        offsets = np.searchsorted(pairs[0], np.arange(count + 1))
        return cls(offsets.astype(np.int64), pairs[1].astype(np.int32))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> I64:
        """How many codes each set has, (U,)."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> I64:
        """Whose set each code is in, as long as `codes`."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def __getitem__(self, owner: int) -> I32:
        return self.codes[self.offsets[owner] : self.offsets[owner + 1]]

    def block(self, start: int, stop: int) -> "ItemSets":
        """View the sets from `start` to before `stop`, or to the last."""
        offsets = self.offsets[start : stop + 1]
        return ItemSets(offsets - offsets[0], self.codes[offsets[0] : offsets[-1]])

    def mask(self, width: int) -> Bool:
        """Spread the sets over a (U, width) matrix; `width` is over every code."""
        dense = np.zeros((len(self), width), np.bool_)
        dense[self.owners, self.codes] = True
        return dense

    def contain(self, listed: I32) -> Bool:
        """Tell for a (U, K) list of codes, each 0 or more, which are in their row's set."""
        stride = max(self.codes.max(initial=0), listed.max(initial=0)) + np.int64(1)
        return np.isin(np.arange(len(self))[:, None] * stride + listed, self.owners * stride + self.codes)
