"""What a filter costs: time and recall of filtered searches of a large index, next to unfiltered ones in the same run.

Vectors of 64 dimensions: 16 directions that matter plus noise, of unit length, held as float16 in inverted lists; the
smallest nprobe that finds 0.97 of the 200 nearest. Filters are drawn at random, or follow the vectors: they keep
what lies farthest in one of the 16 directions, as the categories and prices of a catalogue do. Queries come from the
same model. Recall is against exact search over what the filter keeps.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from rich.console import Console

from loadtest.machine import describe
from shortlist.core.arrays import F16, F32, I32, Bool
from shortlist.core.types import FIRST_ITEM_ROW, SourceList
from shortlist.retrieval.cpu import TUNED_AT, CpuIndex, read_index
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.plan import Reach, plan_search

DIMENSION, RANK, SEED = 64, 16, 7
QUERIES = 128
LEAST_RECALL = 0.97
SHARES = (0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
ROUNDS = 3
CACHE = Path("var/filters")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Drawn items.

    Args:
        embeddings: (R, D) float16 by row.
        direction: (R,) float32, how far each lies in the first of the directions.
        queries: (Q, D) float32.
    """

    embeddings: F16
    direction: F32
    queries: F32


def draw(items: int) -> Catalogue:
    """Draw items and queries."""
    generator = np.random.default_rng(SEED)
    directions = generator.standard_normal((RANK, DIMENSION), dtype=np.float32)
    places = generator.standard_normal((items + QUERIES, RANK), dtype=np.float32)
    drawn = places @ directions + generator.standard_normal((items + QUERIES, DIMENSION), dtype=np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    embeddings = np.zeros((FIRST_ITEM_ROW + items, DIMENSION), np.float16)
    embeddings[FIRST_ITEM_ROW:] = drawn[:items]
    direction = np.concatenate([np.zeros(FIRST_ITEM_ROW, np.float32), places[:items, 0]])
    return Catalogue(embeddings, direction, drawn[items:])


def build(catalogue: Catalogue, path: Path) -> None:
    """Fill the inverted lists and tune them."""
    vectors = catalogue.embeddings[FIRST_ITEM_ROW:].astype(np.float32)
    lists = 2 ** round(np.log2(len(vectors)) / 2)
    index: Any = faiss.index_factory(DIMENSION, f"IVF{lists},SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    exact = nearest(catalogue, everything(catalogue))
    for nprobe in range(1, lists + 1):
        index.nprobe = nprobe
        if recall(CpuIndex(index).search(catalogue.queries, TUNED_AT).rows, exact) >= LEAST_RECALL:
            break
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_suffix(".partial")
    faiss.write_index(index, str(written))
    written.rename(path)


def everything(catalogue: Catalogue) -> Kept:
    """Keep every item."""
    return Kept(np.arange(len(catalogue.embeddings)) >= FIRST_ITEM_ROW, catalogue.embeddings)


def nearest(catalogue: Catalogue, kept: Kept) -> I32:
    """Find the nearest of what is kept, exactly: (Q, 200)."""
    return kept.search(catalogue.queries, TUNED_AT).rows


def recall(found: I32, exact: I32) -> float:
    """Share of the exact lists that was found."""
    return float(np.mean([np.isin(rows[rows > 0], mine).mean() for rows, mine in zip(exact, found, strict=True)]))


def microseconds(search: Callable[[F32], SourceList], queries: F32) -> float:
    """Time one query after another; the median."""
    spent = []
    for query in queries[:, None]:
        started = time.perf_counter()
        search(query)
        spent.append(time.perf_counter() - started)
    return float(np.median(spent)) * 1e6


def masks(catalogue: Catalogue, share: float) -> Iterator[tuple[str, Bool]]:
    """Draw two filters that keep this share."""
    is_item = np.arange(len(catalogue.embeddings)) >= FIRST_ITEM_ROW
    drawn = np.random.default_rng(SEED).random(len(is_item))
    for name, by in (("at random", drawn), ("follows the vectors", catalogue.direction)):
        yield name, is_item & (by >= np.quantile(by[is_item], 1.0 - share))


@dataclass(frozen=True, slots=True)
class Point:
    """A filter, measured.

    Args:
        share: Kept of the items.
        filter: How it was drawn.
        way: How the plan searches.
        filtered_us: Of a query, the median.
        unfiltered_us: The same without the filter, in the same rounds.
        recall: At 200, against exact search over what is kept.
        first_ms: Of the first search, which gathers what is kept.
    """

    share: float
    filter: str
    way: str
    filtered_us: float
    unfiltered_us: float
    recall: float
    first_ms: float


def measure(catalogue: Catalogue, index: CpuIndex, visited: float, share: float) -> Iterator[Point]:
    """Measure the filters that keep a share of the items.

    Args:
        catalogue: The items and queries.
        index: Over the items.
        visited: The share of the lists that an unfiltered search visits.
        share: That is kept.
    """
    for name, mask in masks(catalogue, share):
        kept = Kept(mask, catalogue.embeddings)
        started = time.perf_counter()
        index.search(catalogue.queries[:1], TUNED_AT, kept)
        first_ms = (time.perf_counter() - started) * 1e3
        searches = (partial(index.search, k=TUNED_AT), partial(index.search, k=TUNED_AT, kept=kept))
        rounds = [[microseconds(search, catalogue.queries) for search in searches] for _ in range(ROUNDS)]
        unfiltered_us, filtered_us = np.median(rounds, axis=0).tolist()
        found = recall(index.search(catalogue.queries, TUNED_AT, kept).rows, nearest(catalogue, kept))
        items = len(index)
        way = plan_search(items, kept.count, TUNED_AT, Reach(visited, items), is_gatherable=kept.is_gatherable).route
        yield Point(share, name, way, filtered_us, unfiltered_us, found, first_ms)


def unfiltered_recall(catalogue: Catalogue, index: CpuIndex) -> float:
    """Measure recall at 200 without a filter."""
    return recall(index.search(catalogue.queries, TUNED_AT).rows, nearest(catalogue, everything(catalogue)))


def opened(items: int, cache: Path = CACHE) -> tuple[Catalogue, CpuIndex, float]:
    """Draw a catalogue and open its index, built where it is not there yet; tell the share of its lists it visits."""
    catalogue, path = draw(items), cache / f"{items}-{DIMENSION}-{RANK}-{SEED}.faiss"
    if not path.exists():
        build(catalogue, path)
    read: Any = read_index(path, DIMENSION, items)
    return catalogue, CpuIndex(read), read.nprobe / read.nlist


def report(catalogue: Catalogue, index: CpuIndex, visited: float) -> Iterator[str]:
    """Measure, and write the figures as Markdown."""
    unfiltered = unfiltered_recall(catalogue, index)
    yield "| kept | filter | way | µs a query | times unfiltered | recall@200 | unfiltered | first search, ms |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for point in (point for share in SHARES for point in measure(catalogue, index, visited, share)):
        yield (
            f"| {point.share:.1%} | {point.filter} | {point.way} | {point.filtered_us:.0f} | "
            f"{point.filtered_us / point.unfiltered_us:.2f} | {point.recall:.4f} | "
            f"{point.unfiltered_us:.0f} µs, {unfiltered:.4f} | {point.first_ms:.1f} |"
        )


def main() -> None:
    """Build or read the index of so many items and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    arguments = parser.parse_args()
    console, machine = Console(width=160), describe()
    catalogue, index, visited = opened(arguments.items)
    console.print(
        f"{machine}. {arguments.items:,} items of {DIMENSION} dimensions, rank {RANK} plus noise, seed {SEED}; "
        f"{visited:.1%} of the lists of float16 are searched. One thread, one query at a time, {TUNED_AT} items.\n",
        markup=False,
    )
    for line in report(catalogue, index, visited):
        console.print(line, markup=False)


if __name__ == "__main__":
    main()
