"""Which FAISS index a release gets: exact while that is fast enough, inverted lists beyond, tuned by recall.

Microseconds of one query for its 200 nearest, at a recall of 0.97 on one thread of an EPYC (64 dimensions, rank 14 plus
noise, unit length; exact over float32, the others over float16):

| items | exact | IVF | HNSW |
| --- | --- | --- | --- |
| 5,000 | 78 | 58 | 82 |
| 20,000 | 154 | 82 | 131 |
| 100,000 | 749 | 158 | 211 |
| 300,000 | 2,462 | 245 | 280 |

HNSW is not offered. It is nowhere faster, takes twice the memory (272 bytes a vector against 137) and 74 s of building
against 2 at 300,000 items, no GPU takes it, and lists longer than those it was tuned for lose more.

Exact search holds float32. Half the bytes, float16, are slower while the table fits in the cache (384 of 20,000 items:
256 against 201 us), since FAISS keeps the best of codes in a heap and the best of plain floats in a reservoir.

Product codes are not offered either. Refined, they need the codes that refine them on top, so more than 8 bits a
dimension alone; unrefined, 16 bytes end at a recall of 0.86, and 4 bits a dimension at 0.89.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from shortlist.core.arrays import F16, F32
from shortlist.core.errors import InputError
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.index_settings import ladder
from shortlist.offline.index_tuning import Exam, IndexPoint, size_bytes
from shortlist.retrieval.cpu import TUNED_AT

EXACT_UP_TO = 20_000
"""Items. Up to here exact search takes 0.15 ms; lists would save half of that, and lose up to 3 % of the nearest."""
LEAST_RECALL = 0.97
_EXACT = "Flat"
_CODES = ("SQfp16", "SQ8")
"""Of the vectors in the lists: the embeddings as they are, then 8 bits a dimension where those are too many bytes."""


@dataclass(frozen=True, slots=True)
class ChosenIndex:
    """The index of a release, set to search as `chosen` says, and every point tried on the way there, in order."""

    index: faiss.Index
    curve: tuple[IndexPoint, ...]
    chosen: IndexPoint

    def write(self, path: Path) -> None:
        """Write the index; FAISS keeps nprobe in the file."""
        faiss.write_index(self.index, str(path))


def choose_index(
    embeddings: F16, queries: F32, *, seed: int, most_bytes: int | None = None, exact_up_to: int = EXACT_UP_TO
) -> ChosenIndex:
    """Build the index over the items and tune it.

    Decided by the number of items, by bytes and by recall, never by the clock: one seed gives one index.

    Args:
        embeddings: (R, D) float16 by item row.
        queries: (q, D) float32, embedded users, none of them an item.
        seed: Draws the queries that are asked, and starts the clustering.
        most_bytes: What the index may take; None: anything.
        exact_up_to: The most items that are searched exactly; more are only where no lists find enough.

    Raises:
        InputError: no index that small finds enough.
    """
    # With one thread sums have one order. FAISS counts threads for each calling thread.
    faiss.omp_set_num_threads(1)
    vectors = embeddings[FIRST_ITEM_ROW:].astype(np.float32)
    items = len(vectors)
    exact = _new(_EXACT, vectors)
    seconds = _fill(exact, vectors, seed)
    exam = Exam(exact, vectors, queries, seed)
    curve = [exam.point(exact, _EXACT, 0, seconds)]
    if items <= exact_up_to and _fits(exact, items, most_bytes):
        return ChosenIndex(exact, tuple(curve), curve[-1])
    # A list for each item in it: more lists took up to six times as long to build and saved nothing.
    lists = 2 ** round(np.log2(items) / 2)
    for codes in _CODES:
        kind = f"IVF{lists},{codes}"
        index = _new(kind, vectors)
        if not _fits(index, items, most_bytes):
            continue
        seconds = _fill(index, vectors, seed)
        for nprobe in ladder(lists):
            index.nprobe = nprobe
            curve.append(exam.point(index, kind, nprobe, seconds))
            if curve[-1].recall_at_200 >= LEAST_RECALL:
                return ChosenIndex(index, tuple(curve), curve[-1])
    if _fits(exact, items, most_bytes):
        return ChosenIndex(exact, tuple(curve), curve[0])
    raise InputError(
        f"no index of {items} items in {most_bytes} bytes finds {LEAST_RECALL:.0%} of the {TUNED_AT} nearest; "
        f"with float16 codes it takes {size_bytes(_new(f'IVF{lists},{_CODES[0]}', vectors), items)} bytes"
    )


def _new(kind: str, vectors: F32) -> Any:
    return faiss.index_factory(vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT)


def _fits(index: faiss.Index, items: int, most_bytes: int | None) -> bool:
    return most_bytes is None or size_bytes(index, items) <= most_bytes


def _fill(index: faiss.Index, vectors: F32, seed: int) -> float:
    """Train and fill an index; tell the seconds."""
    started = time.perf_counter()
    if isinstance(index, faiss.IndexIVFScalarQuantizer):
        index.cp.seed = seed
        # 8 bits span all but a thousandth at either end: of the grocery log's nearest items 0.978 are found, not 0.971.
        index.sq.rangestat, index.sq.rangestat_arg = faiss.ScalarQuantizer.RS_quantiles, 0.001
    index.train(vectors)
    index.add(vectors)
    return time.perf_counter() - started
