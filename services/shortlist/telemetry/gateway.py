"""The gateway's metrics: every name, label and bucket. Every label set exists from the start.

Label values come from fixed sets, never from requests: cardinality is bounded by construction.
"""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shortlist.core.types import Degraded
from shortlist.telemetry.buckets import BATCH_SIZE, CANDIDATES, LATENCY_S

DROP_REASONS = ("deadline", "cancelled", "shutdown", "failed")
DEPENDENCIES = ("redis", "triton", "index", "query_tower", "features", "catalogue")
BREAKERS = ("redis", "triton", "index")
IGNORED_ITEMS = ("session", "exclude", "rank")
RULES_OUTCOMES = ("applied", "refused")
STAGES = ("features", "encode", "merge", "tensors", "rank", "slate", "similar")


class GatewayMetrics:
    """Implements the micro-batcher's observer, and what pipeline and servicer count.

    Args:
        registry: Where the metrics are registered.
        methods: Full names of the served methods.
        codes: Names of the gRPC statuses.
        sources: Names of the retrieval sources.
    """

    def __init__(
        self, registry: CollectorRegistry, methods: Sequence[str], codes: Sequence[str], sources: Sequence[str]
    ) -> None:
        self.requests = Counter(
            "shortlist_gateway_requests",
            "Calls answered, by method and gRPC status.",
            ["method", "code"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "shortlist_gateway_request_seconds",
            "Time from a call's arrival to its answer, queue included.",
            ["method"],
            buckets=LATENCY_S,
            registry=registry,
        )
        self.queue_seconds = Histogram(
            "shortlist_gateway_queue_seconds",
            "Time a request waited before its batch began.",
            buckets=LATENCY_S,
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "shortlist_gateway_stage_seconds",
            "Time of one stage of one batch, waiting in the queue not included.",
            ["stage"],
            buckets=LATENCY_S,
            registry=registry,
        )
        self.batch_size = Histogram(
            "shortlist_gateway_batch_size_requests",
            "Requests in a batch when it began.",
            buckets=BATCH_SIZE,
            registry=registry,
        )
        self.waiting_requests = Gauge(
            "shortlist_gateway_waiting_requests", "Requests that wait for a batch.", registry=registry
        )
        self.refused_requests = Counter(
            "shortlist_gateway_refused", "Requests refused because too many waited.", registry=registry
        )
        self.dropped_requests = Counter(
            "shortlist_gateway_dropped",
            "Requests dropped before work was spent on them.",
            ["reason"],
            registry=registry,
        )
        self.degraded = Counter(
            "shortlist_gateway_degraded", "Answers that stand on a step of the ladder.", ["reason"], registry=registry
        )
        self.dependency_errors = Counter(
            "shortlist_gateway_dependency_errors",
            "Batches for which a dependency gave no usable answer.",
            ["dependency"],
            registry=registry,
        )
        self.breaker_state = Gauge(
            "shortlist_gateway_breaker_state",
            "0 closed, 1 half-open, 2 open.",
            ["dependency"],
            registry=registry,
        )
        self.cold_starts = Counter(
            "shortlist_gateway_cold_starts", "Answers for users of whom nothing was known.", registry=registry
        )
        self.ignored_items = Counter(
            "shortlist_gateway_ignored_items",
            "Item ids in requests that no release knows.",
            ["where"],
            registry=registry,
        )
        self.candidates = Histogram(
            "shortlist_gateway_candidates_items",
            "Candidates of a request after the merge.",
            buckets=CANDIDATES,
            registry=registry,
        )
        self.source_failures = Counter(
            "shortlist_gateway_source_failures", "Batches that went without a source.", ["source"], registry=registry
        )
        self.bad_rows = Counter(
            "shortlist_features_bad_rows",
            "User rows that could not be decoded and count as missing.",
            registry=registry,
        )
        self.index_search_seconds = Histogram(
            "shortlist_gateway_index_search_seconds",
            "Time of one search of the item index, for the queries of a batch together.",
            buckets=LATENCY_S,
            registry=registry,
        )
        self.index_items = Gauge("shortlist_gateway_index_items", "Items in the index.", registry=registry)
        self.trained_until = Gauge(
            "shortlist_gateway_release_trained_until_seconds",
            "End of the log that the release was trained on, in seconds since 1970.",
            registry=registry,
        )
        self.rules_reloads = Counter(
            "shortlist_gateway_rules_reloads",
            "Changes of the rules file: applied, or refused, and the old rules stay.",
            ["outcome"],
            registry=registry,
        )
        self.rules = Gauge("shortlist_gateway_rules", "Rules that hold.", registry=registry)
        self.rules_refused = Gauge(
            "shortlist_gateway_rules_refused",
            "1 while the rules file, as it is now, was refused, and older rules hold; else 0.",
            registry=registry,
        )
        self.slow_requests = Counter(
            "shortlist_gateway_slow_requests", "Calls that took longer than the log lets pass.", registry=registry
        )
        self.lost_spans = Counter(
            "shortlist_gateway_lost_spans", "Spans that the trace endpoint did not take.", registry=registry
        )
        self.info = Gauge(
            "shortlist_gateway_info",
            "1; the labels say what is running.",
            ["version", "release", "front", "ranker", "device"],
            registry=registry,
        )
        self._stages = {stage: self.stage_seconds.labels(stage) for stage in (*STAGES, *sources)}
        for method in methods:
            self.request_seconds.labels(method)
            for code in codes:
                self.requests.labels(method, code)
        _create(self.dropped_requests, DROP_REASONS)
        _create(self.degraded, (reason.name.lower() for reason in Degraded))
        _create(self.dependency_errors, DEPENDENCIES)
        _create(self.ignored_items, IGNORED_ITEMS)
        _create(self.source_failures, sources)
        _create(self.rules_reloads, RULES_OUTCOMES)
        for dependency in BREAKERS:
            self.breaker_state.labels(dependency).set(0)

    def batch_started(self, size: int) -> None:
        """Count a batch."""
        self.batch_size.observe(size)

    def waiting(self, jobs: int) -> None:
        """Set the queue's length."""
        self.waiting_requests.set(jobs)

    def dropped(self, reason: str, jobs: int) -> None:
        """Count dropped requests."""
        self.dropped_requests.labels(reason).inc(jobs)

    def refused(self, jobs: int) -> None:
        """Count refused requests."""
        self.refused_requests.inc(jobs)

    def serves(
        self, *, version: str, release: str, front: str, ranker: str, device: str, items: int, trained_until_s: float
    ) -> None:
        """Say what is running: `items` in the index, and a release whose log ends `trained_until_s` after 1970."""
        self.info.labels(version, release, front, ranker, device).set(1)
        self.index_items.set(items)
        self.trained_until.set(trained_until_s)

    def observe_stages(self, stages: Iterable[tuple[str, float]]) -> None:
        """Record what each stage of a batch took, in seconds."""
        for stage, seconds in stages:
            self._stages[stage].observe(seconds)


def _create(metric: Counter, values: Iterable[str]) -> None:
    for value in values:
        metric.labels(value)
