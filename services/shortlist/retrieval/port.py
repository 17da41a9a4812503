"""The retrieval ports: an item index, and a source of candidates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from shortlist.core.arrays import F32, I32
from shortlist.core.types import History, SourceList
from shortlist.retrieval.kept import Kept


class ItemIndex(Protocol):
    """Inner-product search over the item embeddings; safe to call from several threads."""

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda" or "remote"."""

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""

    def __len__(self) -> int:
        """Count the items."""

    def search(self, queries: F32, k: int, kept: Kept | None = None) -> SourceList:
        """Find the k items with the largest inner product for each query.

        Args:
            queries: (B, D) float32, C order.
            k: Items a query; where the index holds fewer, row 0 pads.
            kept: What the filter of all these queries keeps, None: everything. No other row is found, and where
                enough are kept a list is full; its length does not end where a device's lists do.

        Returns:
            Item rows (B, k), best first, and inner products; no row repeats within a query.

        Raises:
            UnavailableError: the device failed, or the service did not answer.
        """

    def close(self) -> None:
        """Release the device; a search after it is an UnavailableError, unless it needs none: over few kept rows."""


class Embeds(Protocol):
    """A query tower."""

    def embed(self, history: History, user_dense: F32) -> F32:
        """Embed users: (B, D) float32; UnavailableError where it fails."""


_SPARE = 1.25
"""As in `plan`: among a user's nearest more may be gone than in the catalogue."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What sources know of a batch of requests.

    Args:
        history: The users' whole histories, newest first.
        user_dense: (B, U) float32.
        kept: For each request the part of the catalogue that its filter keeps; None: all of it.
        excluded: (B, E) int32, rows that the answers may not hold, 0 pads; a source that would otherwise propose
            excluded items proposes so many more.
        gone_share: Share of the items that no answer may hold, and that no source needs to leave out.
        arrivals: The items that came after the release and may be shown; None: there are none.
    """

    history: History
    user_dense: F32
    kept: Sequence[Kept | None]
    excluded: I32
    gone_share: float = 0.0
    arrivals: Kept | None = None
    _queries: dict[int, F32] = field(default_factory=dict)

    def queries(self, tower: Embeds) -> F32:
        """Embed the users by a query tower, once for all sources: (B, D) float32.

        Raises:
            UnavailableError: the tower failed.
        """
        queries = self._queries.get(id(tower))
        if queries is None:
            queries = self._queries[id(tower)] = tower.embed(self.history, self.user_dense)
        return queries

    def by_filter(self) -> dict[Kept | None, list[int]]:
        """Group the requests by what their filters keep."""
        groups: dict[Kept | None, list[int]] = {}
        for request, kept in enumerate(self.kept):
            groups.setdefault(kept, []).append(request)
        return groups

    @property
    def excluded_at_most(self) -> int:
        """Bound the number of items that a request of the batch excludes."""
        return int(self.excluded.shape[1])

    def spare(self, quota: int) -> int:
        """Tell how many items more than a quota hold enough that are not gone."""
        return math.ceil(quota * self.gone_share / (1.0 - self.gone_share) * _SPARE) if self.gone_share else 0

    def quotas(self, quota: int) -> I32:
        """Give each request a source's quota, or room for every row where its filter wants all of them: (B,) int32."""
        return np.array(
            [len(kept.rows) if kept is not None and kept.is_exhaustive else quota for kept in self.kept], np.int32
        )


class Source(Protocol):
    """Proposes candidates for a batch of requests; safe to call from several threads."""

    @property
    def name(self) -> str:
        """The name in answers, metrics and the release's feature schema."""

    def propose(self, retrieval: Retrieval) -> SourceList:
        """Propose items for each request, best first; respecting its filter, not its exclusions.

        Raises:
            UnavailableError: the source cannot answer.
        """
