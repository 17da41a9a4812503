"""A request's work without a server: what every peer runs, so that a comparison is one of servers.

It is the gateway's own way through the same functions: a batch is one MGET on a connection that the thread keeps, one
search, one run of the ranker in the process. What the gateway adds (degraded answers, deadlines, filters, metrics) is
left out. FAISS and ONNX Runtime have one thread each, as the gateway's have.
"""

import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

from pydantic_settings import BaseSettings, SettingsConfigDict

from shortlist.core.topk import top_k
from shortlist.core.types import Query
from shortlist.features.config import FeatureSettings
from shortlist.features.redis_store import RedisUserStore
from shortlist.gateway.catalog_shelf import Shelf
from shortlist.gateway.known import Encoder
from shortlist.ranking.local import LocalRanker
from shortlist.ranking.tensors import ranker_tensors
from shortlist.release.bundle import Release
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.retrieval.filters import Filters
from shortlist.retrieval.merge import merge
from shortlist.retrieval.open import open_index
from shortlist.retrieval.port import Retrieval
from shortlist.retrieval.sources import served_sources
from shortlist.retrieval.tower import QueryTower

LIMIT = 20
"""Items of an answer."""
BATCHES_IN_FLIGHT = 2
"""Threads of a pool: while one waits for Redis or runs a kernel, another may run Python; more fight for its lock."""
_REDIS_TIMEOUT_S = 5.0


class PeerSettings(BaseSettings):
    """How a peer runs, from `PEER_<FIELD>`; `loadtest.peers.run` sets them.

    `port` is on loopback. A `batch` of 1 is none; `wait_ms` is how long a batch waits for company. `has_pool`: the work
    runs on a pool of threads instead of the event loop's.
    """

    model_config = SettingsConfigDict(env_prefix="PEER_", frozen=True)

    release: Path
    redis_url: str
    port: int
    workers: int = 1
    batch: int = 1
    wait_ms: float = 0.0
    has_pool: bool = False


class Answer(TypedDict):
    """What a user is answered: item ids, best first, and their scores."""

    items: list[str]
    scores: list[float]


class Work:
    """Answers batches of users; safe to run on several threads.

    Args:
        release_dir: The release.
        redis_url: The online store.
        clock: Seconds since 1970.
    """

    def __init__(self, release_dir: Path, redis_url: str, clock: Callable[[], float] = time.time) -> None:
        self._release = release = Release.open(release_dir)
        schema, items = release.manifest.features, release.items
        store = FeatureSettings(redis_url=redis_url, timeout_s=_REDIS_TIMEOUT_S)
        self._store = RedisUserStore.connect(store, BATCHES_IN_FLIGHT)
        whole = Shelf.of(release, Filters(release.catalogue, items.embeddings))
        self._encoder = Encoder(lambda: whole, clock)
        tower = QueryTower(
            release.query_tower_path, release.manifest.query_tower, items.embeddings, schema.history_length
        )
        self._sources = served_sources(items, schema.sources, tower, open_index(release, "cpu"))
        self._ranker = LocalRanker(release.ranker_path, release.manifest.ranker)

    def answer(self, user_ids: Sequence[str]) -> list[Answer]:
        """Answer a batch of users, in their order.

        Raises:
            UnavailableError: Redis does not answer, or a graph failed.
        """
        manifest, items = self._release.manifest, self._release.items
        never = Deadline(NEVER)
        rows = self._store.read(user_ids, never).rows
        known = self._encoder.encode([Query(user_id, LIMIT) for user_id in user_ids], rows)
        retrieval = Retrieval(known.history, known.user_dense, known.kept, known.excluded)
        lists = [source.propose(retrieval) for source in self._sources]
        candidates = merge(lists, known.excluded, manifest.candidates)
        tensors = ranker_tensors(
            manifest.ranker.inputs,
            manifest.features,
            known.history,
            known.user_dense,
            candidates,
            items.columns,
            self._release.catalogue.categories,
            manifest.candidates,
        )
        scores = self._ranker.score(tensors, never)
        best, counts = top_k(scores, candidates.rows > 0, LIMIT)
        answers: list[Answer] = []
        for user, count in enumerate(counts.tolist()):
            taken = best[user, :count]
            item_ids = self._release.vocabulary.ids_of(candidates.rows[user, taken])
            answers.append({"items": item_ids, "scores": scores[user, taken].tolist()})
        return answers

    def close(self) -> None:
        """Close the connections."""
        self._store.close()


def open_work(settings: PeerSettings) -> Work:
    """Load what a worker needs, and take it out of the garbage collector's sight, as the gateway does."""
    work = Work(settings.release, settings.redis_url)
    gc.collect()
    gc.freeze()
    return work
