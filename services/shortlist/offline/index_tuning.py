"""How much of the nearest items an index finds, how fast and in how much memory: a point of a release's curve."""

import time
from dataclasses import dataclass

import faiss
import numpy as np

from shortlist.core.arrays import F32
from shortlist.retrieval.cpu import TUNED_AT

MOST_QUERIES = 256
"""Of users, and as many items; with more a recall would move by less than 0.002."""
_TIMED = 100
_ROUNDING = 1e-6  # of an inner product in float32, relative where it is more than 1


@dataclass(frozen=True, slots=True)
class IndexPoint:
    """One way to search that was tried.

    Args:
        kind: In the words of FAISS's index factory.
        nprobe: Lists searched; 0 where there are none.
        recall_at_200: Share of the 200 nearest by float32 that are found, with users or with items as queries,
            whichever is lower.
        microseconds: Of one query on one thread, the median. Nothing is decided by it.
        bytes_per_vector: Ids and lists included.
        build_seconds: Of training and adding on one thread.
    """

    kind: str
    nprobe: int
    recall_at_200: float
    microseconds: float
    bytes_per_vector: float
    build_seconds: float


def size_bytes(index: faiss.Index, items: int) -> int:
    """Tell what the index takes, or will take, in memory and on disk with so many items."""
    if isinstance(index, faiss.IndexIVF):
        return int(items * (index.code_size + 8) + index.nlist * index.d * 4)
    return int(items * index.sa_code_size())


class Exam:
    """Queries, and what exact search over float32 finds for them.

    Users are asked for, and items too, since similar items come from the same index: on the grocery log two lists of
    128 gave users 0.94 of their 200 nearest and items 0.44.

    Args:
        exact: Holds the vectors as float32.
        vectors: (n, D) float32.
        queries: (q, D) float32, embedded users; `MOST_QUERIES` of them are drawn. Where there are none, items speak.
        seed: Draws users and items.
    """

    def __init__(self, exact: faiss.Index, vectors: F32, queries: F32, seed: int) -> None:
        generator = np.random.default_rng(seed)
        users, items = (
            drawn[generator.permutation(len(drawn))[:MOST_QUERIES]].astype(np.float32) for drawn in (queries, vectors)
        )
        self._vectors, self._users = vectors, len(users)
        self._queries = np.concatenate([users, items])
        self._k = min(TUNED_AT, len(vectors))
        farthest = exact.search(self._queries, self._k)[0][:, -1:]
        self._least = farthest - _ROUNDING * np.maximum(np.abs(farthest), 1.0)

    def point(self, index: faiss.Index, kind: str, nprobe: int, build_seconds: float) -> IndexPoint:
        """Measure a trained and filled index as it is set."""
        size = size_bytes(index, len(self._vectors)) / len(self._vectors)
        return IndexPoint(kind, nprobe, self.recall(index), self.microseconds(index), size, build_seconds)

    def recall(self, index: faiss.Index) -> float:
        """Measure recall@200; a found item counts by its true product, so that any of several equal ones will do."""
        positions = index.search(self._queries, self._k)[1]
        products = np.einsum("qd,qkd->qk", self._queries, self._vectors[positions])
        found = ((positions >= 0) & (products >= self._least)).mean(axis=1)
        return float(min(part.mean() for part in np.split(found, [self._users]) if len(part)))

    def microseconds(self, index: faiss.Index) -> float:
        """Time queries one after another on this thread; the median."""
        spent = []
        for query in self._queries[:_TIMED, None]:
            started = time.perf_counter()
            index.search(query, self._k)
            spent.append(time.perf_counter() - started)
        return float(np.median(spent)) * 1e6
