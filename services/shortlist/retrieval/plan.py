"""How a filtered search is made, decided by how much the filter keeps and what the index can do.

Measured on one core at 64 dimensions (rank 16 plus noise), 100,000 and 1 million items, filters drawn at random and
filters that follow the strongest direction of the vectors: `python -m loadtest.filters` repeats it.
"""

import math
from dataclasses import dataclass
from typing import Literal

GATHERED_NS, SCATTERED_NS, VISITED_NS = 8.0, 160.0, 11.0
"""Of a kept row that lies gathered (6 to 9), of one that is gathered first (150 to 190, most of it from float16), and
of a row in a searched list, kept or not (7 to 13). Only their ratios count."""
WIDENING = 2 / 3
"""As many more lists as 1 / share to this power. At 1/2 a filter that follows the vectors lost up to 0.007 of the
unfiltered recall (10 to 20 % of 1 million kept); at 0.65 none lost any."""
SPARE = 1.25
"""Over-fetched beyond k / share, since near a query the share is not quite that of the catalogue."""

Route = Literal["exact", "selector", "over-fetch"]


@dataclass(frozen=True, slots=True)
class Reach:
    """What an index can do for a filtered search.

    Args:
        visited: Share of the items that an unfiltered search looks at, 1 where it scans; None: it takes no selector,
            or should get none, as it would starve.
        most_k: The longest list it can give.
    """

    visited: float | None
    most_k: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to search.

    Args:
        route: "exact" over the kept rows, "selector" in the index, or "over-fetch" and drop.
        lists: Factor on the lists that are searched.
        k: Items to ask the index for.
    """

    route: Route
    lists: float = 1.0
    k: int = 0


def plan_search(items: int, kept: int, k: int, reach: Reach, *, is_gatherable: bool) -> Plan:
    """Choose the cheapest way whose lists are as complete as unfiltered ones.

    Args:
        items: Held by the index.
        kept: Of them, by the filter.
        k: Wanted.
        reach: The index's.
        is_gatherable: Whether the kept vectors are few enough bytes to stay gathered.
    """
    if kept <= k:
        return Plan("exact")
    if reach.visited is None:
        fetched = math.ceil(k * items / kept * SPARE)
        return Plan("exact") if is_gatherable or fetched > reach.most_k else Plan("over-fetch", k=fetched)
    lists = (items / kept) ** WIDENING
    visited = min(1.0, reach.visited * lists) * items
    exact_ns = kept * (GATHERED_NS if is_gatherable else SCATTERED_NS)
    return Plan("exact") if exact_ns <= visited * VISITED_NS else Plan("selector", lists, k)
