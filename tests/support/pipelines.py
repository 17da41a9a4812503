"""A pipeline over the tiny release, real where it can be: what is played is the store, and whatever misbehaves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from prometheus_client import CollectorRegistry

from shortlist.core.arrays import F32, AnyArray
from shortlist.core.errors import UnavailableError
from shortlist.core.rules import NO_RULES, RowRules
from shortlist.core.types import Query, SourceList
from shortlist.features.port import UserRows
from shortlist.features.row import UserRow
from shortlist.gateway.pipeline import Pipeline
from shortlist.gateway.slate import Slate
from shortlist.gateway.trace import BatchTrace
from shortlist.ranking.local import LocalRanker, checked_scores
from shortlist.ranking.port import Ranker
from shortlist.release.bundle import Release
from shortlist.resilience.breaker import Breaker
from shortlist.resilience.deadline import Deadline
from shortlist.retrieval.cpu import CpuIndex, read_index
from shortlist.retrieval.filters import Filters
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.port import ItemIndex, Retrieval, Source
from shortlist.retrieval.sources import NeighbourSource, PopularSource, TowerSource
from shortlist.retrieval.tower import QueryTower
from shortlist.telemetry.gateway import GatewayMetrics
from support.tiny_release import DIMENSION, HISTORY_LENGTH, ITEMS, LOG_END_S, SOURCES

QUOTA = 30
METHODS, CODES = ("/shortlist.v1.RecommenderService/Recommend",), ("OK", "CANCELLED", "INVALID_ARGUMENT", "INTERNAL")


class StoredRows:
    """A store of rows; counts the batches that it was read for, and fails while `is_down`.

    It says of the places in `stale` and `unread` what the sets' names say.
    """

    def __init__(self, rows: Mapping[str, UserRow] | None = None) -> None:
        self.rows = dict(rows or {})
        self.reads = 0
        self.is_down = False
        self.stale: set[int] = set()
        self.unread: set[int] = set()

    def read(
        self,
        user_ids: Sequence[str],
        deadline: Deadline,  # noqa: ARG002  # the port's
        min_versions: Sequence[int] = (),
    ) -> UserRows:
        """Read rows."""
        self.reads += 1
        self.min_versions = list(min_versions)
        if self.is_down:
            raise UnavailableError("redis", "down")
        return UserRows([self.rows.get(user_id) for user_id in user_ids], self.stale, self.unread)

    def check(self) -> None:
        """Answer."""

    def close(self) -> None:
        """Do nothing."""


class PlayedRanker:
    """Scores as it is told, checked as the real ones are; counts its batches."""

    name = "played"

    def __init__(self, play: Callable[[AnyArray], F32]) -> None:
        self._play = play
        self.batches: list[Mapping[str, AnyArray]] = []

    def score(self, tensors: Mapping[str, AnyArray], deadline: Deadline) -> F32:  # noqa: ARG002  # the port's
        """Score candidates by their rows."""
        self.batches.append(tensors)
        candidates = tensors["candidates"]
        return checked_scores(self._play(candidates), candidates.shape)

    def close(self) -> None:
        """Do nothing."""


class BrokenIndex:
    """An index whose device is gone."""

    device, dimension = "cuda", DIMENSION

    def __len__(self) -> int:
        return ITEMS

    def search(self, queries: F32, k: int, kept: Kept | None = None) -> SourceList:  # noqa: ARG002  # the port's
        """Fail."""
        raise UnavailableError("index", "the device is gone")

    def close(self) -> None:
        """Do nothing."""


class BrokenSource:
    """A source that cannot answer."""

    def __init__(self, name: str) -> None:
        self.name = name

    def propose(self, retrieval: Retrieval) -> SourceList:  # noqa: ARG002  # the port's
        """Fail."""
        raise UnavailableError(self.name, "broken")


@dataclass
class Kitchen:
    """A pipeline and what it is made of."""

    release: Release
    store: StoredRows
    pipeline: Pipeline
    metrics: GatewayMetrics
    registry: CollectorRegistry
    breakers: Mapping[str, Breaker]
    traces: list[BatchTrace] = field(default_factory=list)

    def run(self, *queries: Query, timeout_s: float = 60.0) -> list[Slate]:
        """Answer a batch."""
        self.traces.append(BatchTrace())
        return self.pipeline.run(queries, Deadline.after(timeout_s), self.traces[-1])

    def one(self, query: Query) -> Slate:
        """Answer one request."""
        (slate,) = self.run(query)
        return slate

    def ids(self, slate: Slate) -> list[str]:
        """Name the items of a slate."""
        return [self.release.vocabulary.id_of(row) for row in slate.rows.tolist()]

    def count(self, name: str, **labels: str) -> float:
        """Read a metric."""
        value = self.registry.get_sample_value(f"shortlist_gateway_{name}", labels)
        assert value is not None
        return value


def open_index(release: Release) -> CpuIndex:
    """Open the tiny release's index."""
    return CpuIndex(read_index(release.index_path, DIMENSION, ITEMS))


def sources_of(release: Release, index: ItemIndex | None = None, quota: int = QUOTA) -> list[Source]:
    """Make the three sources of the tiny release."""
    tower = QueryTower(release.query_tower_path, release.manifest.query_tower, release.items.embeddings, HISTORY_LENGTH)
    return [
        TowerSource(tower, index or open_index(release), quota),
        NeighbourSource(SOURCES[1], release.items.neighbour_rows[0], release.items.neighbour_weights[0], quota),
        PopularSource(release.items.popular, quota),
    ]


def kitchen(
    release: Release,
    rows: Mapping[str, UserRow] | None = None,
    ranker: Ranker | None = None,
    sources: Sequence[Source] | None = None,
    rules: RowRules = NO_RULES,
    live: Sequence[Source] = (),
) -> Kitchen:
    """Compose a pipeline whose clock stands at the end of the tiny log."""
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry, METHODS, CODES, (*SOURCES, *(source.name for source in live)))
    store = StoredRows(rows)
    breakers = {"triton": Breaker()}
    pipeline = Pipeline(
        release,
        store,
        sources or sources_of(release),
        Filters(release.catalogue, release.items.embeddings),
        ranker or LocalRanker(release.ranker_path, release.manifest.ranker),
        metrics,
        breakers["triton"],
        clock=lambda: float(LOG_END_S),
        rules=lambda: rules,
        live=live,
    )
    return Kitchen(release, store, pipeline, metrics, registry, breakers)


def failing(candidates: AnyArray) -> F32:
    """Fail as a ranker that does not answer."""
    raise UnavailableError("triton", "down")


def not_finite(candidates: AnyArray) -> F32:
    """Score one candidate as NaN."""
    scores = np.zeros(candidates.shape, np.float32)
    scores[0, 0] = np.nan
    return scores


def of_another_shape(candidates: AnyArray) -> F32:
    """Score one candidate too few."""
    return np.zeros((len(candidates), candidates.shape[1] - 1), np.float32)


def by_row(candidates: AnyArray) -> F32:
    """Score by row: the highest row wins."""
    return candidates.astype(np.float32)
