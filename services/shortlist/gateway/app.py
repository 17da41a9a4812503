"""The gateway's composition root: the only place that constructs adapters, and the order of start and stop.

Ready means: the release is verified and loaded, the ranker is loaded, recorded requests ran; only then is the port
bound. A dependency that is down at the start is waited for a while, and then served without, as it would be later.
"""

import gc
import logging
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import grpc
from prometheus_client import CollectorRegistry

from shortlist import __version__
from shortlist.core.errors import UnavailableError
from shortlist.core.rules import no_rules
from shortlist.features.config import FeatureSettings
from shortlist.features.event_store import RedisEventStore
from shortlist.features.invalidation import PROTOCOL, Invalidations
from shortlist.features.live_lists import RedisLiveLists
from shortlist.features.near_cache import NearCache
from shortlist.features.port import UserStore
from shortlist.features.redis_line import open_pool
from shortlist.features.redis_store import RedisUserStore
from shortlist.gateway.catalog_jobs import CatalogJob
from shortlist.gateway.catalog_parts import CatalogueParts
from shortlist.gateway.catalog_room import with_room
from shortlist.gateway.config import GatewaySettings, RankingSettings
from shortlist.gateway.events import MAX_CALLS, MAX_WAITING, EventJob, EventRunner
from shortlist.gateway.events import reject as reject_events
from shortlist.gateway.jobs import Job
from shortlist.gateway.live import LIVE_SOURCES, LiveSources
from shortlist.gateway.observer import CallObserver
from shortlist.gateway.pipeline import Pipeline
from shortlist.gateway.rules_in_force import RulesInForce
from shortlist.gateway.runner import BatchRunner, reject
from shortlist.gateway.schema import check_schema
from shortlist.gateway.servicer import METHODS, SERVICES, Servicer
from shortlist.gateway.similar import SimilarItems
from shortlist.gateway.upkeep import Upkeep
from shortlist.gateway.warmup import recorded_queries, warm_up
from shortlist.gateway.wire import ItemWriter
from shortlist.ranking.local import LocalRanker
from shortlist.ranking.triton import TritonRanker
from shortlist.ranking.triton_repository import TritonRepository, model_name
from shortlist.release.bundle import Release
from shortlist.resilience.breaker import Breaker
from shortlist.resilience.deadline import Deadline
from shortlist.resilience.microbatch import MicroBatcher
from shortlist.retrieval.config import RetrievalSettings
from shortlist.retrieval.delta import NEW_ARRIVALS, NewArrivals
from shortlist.retrieval.filters import Filters
from shortlist.retrieval.measured import MeasuredIndex
from shortlist.retrieval.open import Device, open_index
from shortlist.retrieval.port import ItemIndex, Source
from shortlist.retrieval.remote import RETRIEVE, RemoteIndex
from shortlist.retrieval.sources import served_sources
from shortlist.retrieval.tower import QueryTower
from shortlist.rpc.channels import open_channel
from shortlist.rpc.front import FrontOptions
from shortlist.rpc.health import Health
from shortlist.rpc.running import Running
from shortlist.rpc.server import open_front
from shortlist.rpc.services import reflecting
from shortlist.telemetry.answers import AnswerMetrics
from shortlist.telemetry.events import EventMetrics
from shortlist.telemetry.exporter import Exporter, new_registry
from shortlist.telemetry.gateway import GatewayMetrics
from shortlist.telemetry.near_cache import NearCacheMetrics
from shortlist.telemetry.tracing import open_tracing

_LOGGER = logging.getLogger(__name__)
_RETRY_S = 0.2


class Gateway(Running):
    """A running gateway; construct it to start it, `close` to drain and end it.

    Raises:
        ReleaseRefusedError: the release is damaged or does not fit.
        StartError: an address is taken, or a part that was asked for cannot be had.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        features: FeatureSettings,
        retrieval: RetrievalSettings,
        ranking: RankingSettings,
    ) -> None:
        with ExitStack() as stack:
            release = with_room(Release.open(settings.release), settings.new_items)
            registry = new_registry()
            names = (*release.manifest.features.sources, *LIVE_SOURCES, NEW_ARRIVALS)
            metrics = GatewayMetrics(registry, METHODS, [code.name for code in grpc.StatusCode], names)
            answers = AnswerMetrics(registry, names, release.vocabulary.row_count, release.manifest.item_count)
            tracing = open_tracing(
                settings.trace_endpoint, settings.trace_share, "shortlist-gateway", __version__, metrics.lost_spans.inc
            )
            stack.callback(tracing.close)
            self._health = Health(SERVICES)
            exporter = Exporter(registry, settings.metrics_address, lambda: self._health.is_serving)
            self.metrics_port = stack.enter_context(exporter).port

            breakers = {"redis": Breaker(), "triton": Breaker(), "index": Breaker()}
            # A connection for each batch worker, one for the warm-up on this thread, one for the ping.
            rows = RedisUserStore.connect(
                features, _batch_workers(settings, ranking) + 2, breakers["redis"], metrics.bad_rows.inc
            )
            stack.callback(rows.close)
            store, invalidations = _near(rows, features, registry)
            index = _open_index(release, settings, retrieval.device, breakers["index"])
            stack.callback(index.close)
            searched = MeasuredIndex(index, metrics.index_search_seconds.observe)
            filters = Filters(release.catalogue, release.items.embeddings)
            tower = _open_tower(release)
            sources = _open_sources(release, searched, tower)
            catalogue = CatalogueParts(release, features, metrics, registry, stack)
            ranker = _open_ranker(release, ranking)
            stack.callback(ranker.close)
            rules = RulesInForce(Path(settings.rules), release, metrics) if settings.rules else None
            live = LiveSources(
                lambda: catalogue.live().release,
                RedisLiveLists.connect(features),
                metrics.dependency_errors.labels("features").inc,
            )
            pipeline = Pipeline(
                release,
                store,
                sources,
                filters,
                ranker,
                metrics,
                breakers["triton"],
                rules=rules or no_rules,
                live=(*live.all, NewArrivals(tower)),
                shelf=catalogue.live,
                is_stale=catalogue.is_stale,
            )

            loadable = ranker if isinstance(ranker, TritonRanker) else None
            for dependency, check in (
                ("redis", store.check),
                ("index", index.ping if isinstance(index, RemoteIndex) else None),
                ("triton", loadable.ensure_loaded if loadable else None),
            ):
                _wait_for(dependency, check, settings.start_wait_s)
            catalogue.follow()
            if invalidations is not None:
                invalidations.start()
                stack.callback(invalidations.stop)
            warm_up(pipeline, recorded_queries(release), settings.max_batch)
            # What is loaded now lives as long as the process: the collector need not look at it again.
            gc.collect()
            gc.freeze()

            upkeep = Upkeep(loadable, breakers, metrics, rules=rules)
            upkeep.start()
            stack.callback(upkeep.stop)
            batcher: MicroBatcher[Job] = MicroBatcher(
                BatchRunner(
                    pipeline,
                    SimilarItems(release, searched, filters, metrics, catalogue.live, catalogue.is_stale),
                    metrics,
                    answers,
                    tracing,
                    ItemWriter(release.vocabulary, names),
                    catalogue.readers,
                ).run,
                reject,
                workers=_batch_workers(settings, ranking),
                max_batch=settings.max_batch,
                max_waiting=settings.max_waiting,
                observer=metrics,
            )
            recorder = _recorder(features, metrics, registry, stack)
            _run((batcher, recorder, catalogue.batcher, live), stack, settings.drain_s)
            self._front = open_front(
                settings.front,
                settings.address,
                METHODS,
                services=[self._health.add_to, reflecting(SERVICES)],
                options=FrontOptions(max_message_bytes=settings.max_message_bytes, reuse_port=settings.workers > 1),
            )
            stack.callback(self._front.stop, settings.drain_s)
            metrics.serves(
                version=__version__,
                release=release.id,
                front=self._front.name,
                ranker=ranker.name,
                device=index.device,
                items=len(index),
                trained_until_s=release.manifest.trained_until.timestamp(),
            )
            self._front.start(
                Servicer(
                    release,
                    batcher,
                    recorder,
                    catalogue.batcher,
                    catalogue.readers,
                    metrics,
                    CallObserver(metrics, tracing, release.id, settings.slow_s),
                    settings.deadline_s,
                )
            )
            self._health.set("ready", True)
            stack.callback(self._health.drain)
            self._parts = stack.pop_all()
        _LOGGER.info("serving %s on port %d (%s, %s)", release.id, self._front.port, self._front.name, ranker.name)


def _batch_workers(settings: GatewaySettings, ranking: RankingSettings) -> int:
    """Count the batches that a process runs at a time (ADR 19)."""
    if settings.batch_workers:
        return settings.batch_workers
    if ranking.backend == "triton":
        return 3
    return 1 if settings.workers > 1 else min(2, len(os.sched_getaffinity(0)))


def start_gateway(settings: GatewaySettings) -> Gateway:
    """Start a gateway whose parts take their settings from the environment; raises what they and the gateway raise."""
    return Gateway(settings, FeatureSettings(), RetrievalSettings(), RankingSettings())


def _near(
    store: RedisUserStore, settings: FeatureSettings, registry: CollectorRegistry
) -> tuple[UserStore, Invalidations | None]:
    """Put the near cache in front of a store where the settings ask for one, with what will tell it of changes."""
    if not settings.near_cache_bytes:
        return store, None
    metrics = NearCacheMetrics(registry)
    cache = NearCache(store, settings.near_cache_bytes, settings.max_stale_s, settings.timeout_s, metrics)
    return cache, Invalidations(open_pool(settings, 1, PROTOCOL), cache, metrics.losses.inc)


def _recorder(
    settings: FeatureSettings, metrics: GatewayMetrics, registry: CollectorRegistry, stack: ExitStack
) -> MicroBatcher[EventJob]:
    """Make what records events, beside the pipeline: one worker, since the store is one server."""
    told = EventMetrics(registry)
    store = RedisEventStore.connect(settings, metrics.bad_rows.inc)
    stack.callback(store.close)
    return MicroBatcher(
        EventRunner(store, told, metrics.dependency_errors.labels("redis").inc).run,
        reject_events,
        workers=1,
        max_batch=MAX_CALLS,
        max_waiting=MAX_WAITING,
        observer=told,
    )


def _run(
    parts: Sequence[MicroBatcher[Job] | MicroBatcher[EventJob] | MicroBatcher[CatalogJob] | LiveSources],
    stack: ExitStack,
    drain_s: float,
) -> None:
    """Start what has threads of its own; the stack drains it."""
    for part in parts:
        part.start()
        stack.callback(part.stop, drain_s)


def _open_index(release: Release, settings: GatewaySettings, device: Device, breaker: Breaker) -> ItemIndex:
    if not settings.retrieval_address:
        return open_index(release, device)
    manifest = release.manifest
    return RemoteIndex(
        open_channel(settings.retrieval_address, retried=(RETRIEVE,)),
        release.id,
        manifest.item_count,
        manifest.embedding_dimension,
        settings.retrieval_timeout_s,
        breaker,
    )


def _open_tower(release: Release) -> QueryTower:
    manifest = release.manifest
    return QueryTower(
        release.query_tower_path, manifest.query_tower, release.items.embeddings, manifest.features.history_length
    )


def _open_sources(release: Release, index: ItemIndex, tower: QueryTower) -> Sequence[Source]:
    """Make the sources that the release names, and see that its ranker was trained on these."""
    sources = served_sources(release.items, release.manifest.features.sources, tower, index)
    check_schema(release, [source.name for source in sources])
    return sources


def _open_ranker(release: Release, settings: RankingSettings) -> TritonRanker | LocalRanker:
    spec = release.manifest.ranker
    if settings.backend == "onnxruntime":
        return LocalRanker(release.ranker_path, spec, settings.threads)
    channel = open_channel(settings.triton_address)
    repository = TritonRepository(
        channel,
        settings.triton_secret or "",
        release.ranker_path,
        spec,
        settings.triton_backend,
        settings.instances,
        settings.threads,
    )
    return TritonRanker(channel, model_name(release.manifest), spec, repository, settings.timeout_s)


def _wait_for(dependency: str, check: Callable[[], None] | None, timeout_s: float) -> None:
    """Wait until a dependency answers, where there is a check, or say that it does not and go on without it."""
    if check is None:
        return
    ends = Deadline.after(timeout_s)
    pause = threading.Event()
    error = _failure_of(check)
    if error is not None:
        _LOGGER.info("waiting for %s: %s", dependency, error)
    while error is not None and not ends.has_passed():
        pause.wait(_RETRY_S)
        error = _failure_of(check)
    if error is not None:
        _LOGGER.warning("starting without %s: %s", dependency, error)


def _failure_of(check: Callable[[], None]) -> UnavailableError | None:
    try:
        check()
    except UnavailableError as error:
        return error
    return None
