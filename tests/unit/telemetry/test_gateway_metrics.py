import pytest
from prometheus_client import CollectorRegistry

from shortlist.core.types import Degraded
from shortlist.telemetry.buckets import LATENCY_S
from shortlist.telemetry.gateway import (
    BREAKERS,
    DEPENDENCIES,
    DROP_REASONS,
    IGNORED_ITEMS,
    RULES_OUTCOMES,
    STAGES,
    GatewayMetrics,
)

METHODS, CODES, SOURCES = ("/a.B/C", "/a.B/D"), ("OK", "CANCELLED"), ("tower", "popular")


@pytest.fixture
def registry() -> CollectorRegistry:
    """Register nothing yet."""
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> GatewayMetrics:
    """Register the gateway's metrics."""
    return GatewayMetrics(registry, METHODS, CODES, SOURCES)


LABEL_SETS = [
    *(("shortlist_gateway_requests_total", {"method": m, "code": c}) for m in METHODS for c in CODES),
    *(("shortlist_gateway_request_seconds_count", {"method": m}) for m in METHODS),
    *(("shortlist_gateway_stage_seconds_count", {"stage": stage}) for stage in (*STAGES, *SOURCES)),
    *(("shortlist_gateway_dropped_total", {"reason": reason}) for reason in DROP_REASONS),
    *(("shortlist_gateway_degraded_total", {"reason": step.name.lower()}) for step in Degraded),
    *(("shortlist_gateway_dependency_errors_total", {"dependency": name}) for name in DEPENDENCIES),
    *(("shortlist_gateway_breaker_state", {"dependency": name}) for name in BREAKERS),
    *(("shortlist_gateway_ignored_items_total", {"where": where}) for where in IGNORED_ITEMS),
    *(("shortlist_gateway_source_failures_total", {"source": source}) for source in SOURCES),
    *(("shortlist_gateway_rules_reloads_total", {"outcome": outcome}) for outcome in RULES_OUTCOMES),
    *(
        (name, {})
        for name in (
            "shortlist_gateway_queue_seconds_count",
            "shortlist_gateway_batch_size_requests_count",
            "shortlist_gateway_waiting_requests",
            "shortlist_gateway_refused_total",
            "shortlist_gateway_cold_starts_total",
            "shortlist_gateway_candidates_items_count",
            "shortlist_gateway_index_search_seconds_count",
            "shortlist_gateway_index_items",
            "shortlist_gateway_release_trained_until_seconds",
            "shortlist_gateway_rules",
            "shortlist_gateway_rules_refused",
            "shortlist_gateway_slow_requests_total",
            "shortlist_gateway_lost_spans_total",
            "shortlist_features_bad_rows_total",
        )
    ),
]


@pytest.mark.parametrize(("name", "labels"), LABEL_SETS, ids=[f"{name}{labels}" for name, labels in LABEL_SETS])
def test_a_label_set_exists_from_the_start_at_zero(
    registry: CollectorRegistry, metrics: GatewayMetrics, name: str, labels: dict[str, str]
) -> None:
    assert registry.get_sample_value(name, labels) == 0.0


def test_no_label_sets_exist_but_these(registry: CollectorRegistry, metrics: GatewayMetrics) -> None:
    known = {(name.removesuffix("_count"), tuple(labels.items())) for name, labels in LABEL_SETS}
    helpers = ("_created", "_bucket", "_sum")
    found = {
        (sample.name.removesuffix("_count"), tuple(sample.labels.items()))
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith(helpers)
    }
    assert found == known


def test_every_metric_is_named_after_its_part_and_says_what_it_is(
    registry: CollectorRegistry, metrics: GatewayMetrics
) -> None:
    for metric in registry.collect():
        assert metric.name.startswith(("shortlist_gateway_", "shortlist_features_"))
        assert metric.documentation.endswith(".")


def test_what_the_micro_batcher_tells_is_counted(registry: CollectorRegistry, metrics: GatewayMetrics) -> None:
    metrics.batch_started(3)
    metrics.waiting(7)
    metrics.dropped("deadline", 2)
    metrics.refused(4)
    assert registry.get_sample_value("shortlist_gateway_batch_size_requests_sum") == 3
    assert registry.get_sample_value("shortlist_gateway_waiting_requests") == 7
    assert registry.get_sample_value("shortlist_gateway_dropped_total", {"reason": "deadline"}) == 2
    assert registry.get_sample_value("shortlist_gateway_refused_total") == 4


def test_stages_are_observed_in_seconds(registry: CollectorRegistry, metrics: GatewayMetrics) -> None:
    metrics.observe_stages([("features", 0.002), ("tower", 0.001)])
    assert registry.get_sample_value("shortlist_gateway_stage_seconds_sum", {"stage": "features"}) == 0.002
    assert registry.get_sample_value("shortlist_gateway_stage_seconds_count", {"stage": "tower"}) == 1


def test_what_is_running_is_told_by_labels_and_figures(registry: CollectorRegistry, metrics: GatewayMetrics) -> None:
    running = {"version": "1", "release": "tiny", "front": "grpcio", "ranker": "triton", "device": "cpu"}
    metrics.serves(**running, items=98, trained_until_s=1.5e9)
    assert registry.get_sample_value("shortlist_gateway_info", running) == 1
    assert registry.get_sample_value("shortlist_gateway_index_items") == 98
    assert registry.get_sample_value("shortlist_gateway_release_trained_until_seconds") == 1.5e9


def test_a_stage_without_a_name_of_its_own_is_an_error(metrics: GatewayMetrics) -> None:
    with pytest.raises(KeyError):
        metrics.observe_stages([("thinking", 0.002)])


def test_latency_buckets_rise_and_are_fine_below_ten_milliseconds() -> None:
    assert list(LATENCY_S) == sorted(set(LATENCY_S))
    assert sum(bound < 0.01 for bound in LATENCY_S) >= 10


def test_the_last_latency_bucket_holds_the_longest_default_deadline() -> None:
    assert LATENCY_S[-1] >= 10.0
