"""What a filter costs by the share that it keeps of a million items, as `loadtest.filters` measures it.

A point is the worse of two filters, one drawn at random and one that follows the vectors: the higher ratio to the time
of the unfiltered search of the same rounds, and the lower recall@200 against exact search over what is kept. The
items are drawn as `loadtest.filters` says, whatever the workload.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from loadtest import filters
from loadtest.scenarios import command
from loadtest.workload import Workload

ITEMS = 1_000_000


def measure(
    work: Workload,  # noqa: ARG001  # what every scenario is given
    console: Console,
    *,
    items: int = ITEMS,
    shares: Sequence[float] = filters.SHARES,
    cache: Path = filters.CACHE,
) -> dict[str, Any]:
    """Measure filters.

    Args:
        work: Not looked at.
        console: Says where it is.
        items: Of the index.
        shares: That filters keep.
        cache: Keeps the index.
    """
    catalogue, index, visited = filters.opened(items, cache)
    points = []
    for share in shares:
        console.print(f"filters that keep {share:.1%} of {items:,} items")
        found = list(filters.measure(catalogue, index, visited, share))
        points.append(
            {
                "share": share,
                "ratio": max(point.filtered_us / point.unfiltered_us for point in found),
                "recall": min(point.recall for point in found),
            }
        )
    return {"points": points, "items": items, "unfiltered_recall": filters.unfiltered_recall(catalogue, index)}


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
