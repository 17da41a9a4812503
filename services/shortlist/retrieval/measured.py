"""An item index whose searches are timed."""

import time
from collections.abc import Callable

from shortlist.core.arrays import F32
from shortlist.core.types import SourceList
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.port import ItemIndex


class MeasuredIndex:
    """Searches another index, and tells how long each search took, one that fails as well.

    Args:
        index: The index; closed with this one.
        observe: Takes seconds.
    """

    def __init__(self, index: ItemIndex, observe: Callable[[float], None]) -> None:
        self._index, self._observe = index, observe

    @property
    def device(self) -> str:
        """Where it runs."""
        return self._index.device

    @property
    def dimension(self) -> int:
        """D."""
        return self._index.dimension

    def __len__(self) -> int:
        return len(self._index)

    def search(self, queries: F32, k: int, kept: Kept | None = None) -> SourceList:
        """Search; see the port."""
        started = time.perf_counter()
        try:
            return self._index.search(queries, k, kept)
        finally:
            self._observe(time.perf_counter() - started)

    def close(self) -> None:
        """Close the index."""
        self._index.close()
