"""The gateway's parts on one thread, without network and store: what a benchmark of the code between them runs.

The ranker is the in-process one; user rows are held in memory, as they were when the release was trained.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle

import grpc
from prometheus_client import CollectorRegistry

from shortlist.features.port import UserRows
from shortlist.features.row import UserRow
from shortlist.features.seed import user_rows
from shortlist.gateway.catalog_jobs import CatalogJob
from shortlist.gateway.catalog_readers import Readers
from shortlist.gateway.catalog_shelf import Shelf
from shortlist.gateway.events import EventJob
from shortlist.gateway.jobs import Job
from shortlist.gateway.observer import CallObserver
from shortlist.gateway.pipeline import Pipeline
from shortlist.gateway.runner import BatchRunner
from shortlist.gateway.servicer import METHODS, RECOMMEND, Batcher, Servicer
from shortlist.gateway.similar import SimilarItems
from shortlist.gateway.wire import ItemWriter
from shortlist.ranking.local import LocalRanker
from shortlist.release.bundle import Release
from shortlist.resilience.breaker import Breaker
from shortlist.resilience.deadline import Deadline
from shortlist.retrieval.filters import Filters
from shortlist.retrieval.open import open_index
from shortlist.retrieval.port import Source
from shortlist.retrieval.sources import served_sources
from shortlist.retrieval.tower import QueryTower
from shortlist.rpc.front import Metadata
from shortlist.rpc.status import Status
from shortlist.telemetry.answers import AnswerMetrics
from shortlist.telemetry.gateway import GatewayMetrics
from shortlist.telemetry.tracing import NO_TRACING, Tracing
from shortlist.v1.recommender_pb2 import RecommendRequest

DEADLINE_S = 10.0


class MadeCall:
    """A call that arrived from nowhere; its answer goes to `on_answer`."""

    method = RECOMMEND
    deadline: Deadline | None = None
    metadata: Metadata = ()
    is_cancelled = False

    def __init__(self, payload: bytes, on_answer: Callable[[], object] = lambda: None) -> None:
        self.payload, self._on_answer = payload, on_answer

    def respond(self, payload: bytes) -> bool:  # noqa: ARG002  # the port's
        """Take the answer."""
        self._on_answer()
        return True

    def fail(self, status: Status) -> bool:
        """Refuse to measure what fails."""
        raise RuntimeError(f"a call failed: {status}")


class HeldRows:
    """A store in memory."""

    def __init__(self, rows: dict[str, UserRow]) -> None:
        self._rows = rows

    def read(
        self,
        user_ids: Sequence[str],
        deadline: Deadline,  # noqa: ARG002  # the port's
        min_versions: Sequence[int] = (),  # noqa: ARG002
    ) -> UserRows:
        """Read rows."""
        return UserRows([self._rows.get(user_id) for user_id in user_ids])

    def check(self) -> None:
        """Answer."""

    def close(self) -> None:
        """Do nothing."""


class AtOnce:
    """Runs what is submitted on the spot, as one batch."""

    def __init__(self, run: Callable[[Sequence[Job]], None]) -> None:
        self._run = run

    def submit(self, jobs: Sequence[Job]) -> None:
        """Run."""
        self._run(jobs)


class NoEvents:
    """Takes no events: none are measured here."""

    def submit(self, jobs: Sequence[EventJob]) -> None:
        """Refuse them."""
        raise RuntimeError(f"{len(jobs)} calls with events")


class NoCatalog:
    """Takes no calls of the catalogue: none are measured here."""

    def submit(self, jobs: Sequence[CatalogJob]) -> None:
        """Refuse them."""
        raise RuntimeError(f"{len(jobs)} calls of the catalogue")


class Parts:
    """The gateway's parts over one release.

    Args:
        release: What they serve.
        sources: In the order of the release's schema; None: those that it names.
        live: Sources beside these.
        shelf: Gives what can be recommended; None: always the release.
    """

    def __init__(
        self,
        release: Release,
        sources: Sequence[Source] | None = None,
        live: Sequence[Source] = (),
        shelf: Callable[[], Shelf] | None = None,
    ) -> None:
        self._release = release
        schema, items = release.manifest.features, release.items
        registry = CollectorRegistry()
        self._names = (*schema.sources, *(source.name for source in live))
        self.metrics = GatewayMetrics(registry, METHODS, [code.name for code in grpc.StatusCode], self._names)
        self._answers = AnswerMetrics(registry, self._names, release.vocabulary.row_count, release.manifest.item_count)
        log_end_s = release.manifest.trained_until.timestamp()
        rows = dict(user_rows(release.histories(), release.vocabulary, log_end_s, time.time()))
        index, filters = open_index(release, "cpu"), Filters(release.catalogue, items.embeddings)
        tower = QueryTower(
            release.query_tower_path, release.manifest.query_tower, items.embeddings, schema.history_length
        )
        self._pipeline = Pipeline(
            release,
            HeldRows(rows),
            served_sources(items, schema.sources, tower, index) if sources is None else sources,
            filters,
            LocalRanker(release.ranker_path, release.manifest.ranker),
            self.metrics,
            Breaker(),
            live=live,
            shelf=shelf,
        )
        self._similar = SimilarItems(release, index, filters, self.metrics)
        self._readers = Readers()
        self._payloads = cycle([RecommendRequest(user_id=user, limit=20).SerializeToString() for user in rows])

    @property
    def payloads(self) -> Iterator[bytes]:
        """Ask for one user after another, without an end."""
        return self._payloads

    def runner(self, tracing: Tracing = NO_TRACING) -> BatchRunner:
        """Make what runs batches."""
        writer = ItemWriter(self._release.vocabulary, self._names)
        return BatchRunner(self._pipeline, self._similar, self.metrics, self._answers, tracing, writer, self._readers)

    def servicer(self, batcher: Batcher[Job], tracing: Tracing = NO_TRACING) -> Servicer:
        """Make what takes calls."""
        observer = CallObserver(self.metrics, tracing, self._release.id, 0.0)
        return Servicer(
            self._release, batcher, NoEvents(), NoCatalog(), self._readers, self.metrics, observer, DEADLINE_S
        )
