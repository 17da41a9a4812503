"""Category names of the live catalogue: those of the release by their numbers, and new ones behind them."""

from collections.abc import Iterable

import numpy as np

from shortlist.core.arrays import I32
from shortlist.release.strings import StringTable
from shortlist.v1 import catalog_pb2


class LiveCategories:
    """Numbers categories; for one thread.

    Args:
        names: Of the release, "" first; `names` grows, each time as a table of its own.
    """

    def __init__(self, names: StringTable) -> None:
        self.names = names
        self._numbers = {name: number for number, name in enumerate(names)}

    def numbers(self, items: Iterable[catalog_pb2.Item], levels: int) -> I32:
        """Number the categories of n items: (n, levels) int32, 0 pads; wider where an item has more."""
        listed = [[self._numbers.setdefault(name, len(self._numbers)) for name in item.categories] for item in items]
        if len(self._numbers) > len(self.names):
            self.names = StringTable.pack(self._numbers)
        numbered = np.zeros((len(listed), max([levels, *map(len, listed)])), np.int32)
        for place, own in enumerate(listed):
            numbered[place, : len(own)] = own
        return numbered
