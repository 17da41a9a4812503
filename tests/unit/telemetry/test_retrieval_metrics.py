import grpc
import pytest
from prometheus_client import CollectorRegistry

from shortlist.telemetry.retrieval import RetrievalMetrics

CODES = [code.name for code in grpc.StatusCode]


@pytest.fixture
def registry() -> CollectorRegistry:
    """Register the retrieval service's metrics."""
    registry = CollectorRegistry()
    RetrievalMetrics(registry, CODES)
    return registry


@pytest.mark.parametrize("code", CODES)
def test_every_status_is_counted_from_the_start_at_zero(registry: CollectorRegistry, code: str) -> None:
    assert registry.get_sample_value("shortlist_retrieval_requests_total", {"code": code}) == 0.0


@pytest.mark.parametrize("name", ["request_seconds_count", "batch_size_queries_count", "waiting_requests"])
def test_what_has_no_labels_exists_from_the_start_at_zero(registry: CollectorRegistry, name: str) -> None:
    assert registry.get_sample_value(f"shortlist_retrieval_{name}") == 0.0


def test_every_metric_is_named_after_its_part_and_says_what_it_is(registry: CollectorRegistry) -> None:
    for metric in registry.collect():
        assert metric.name.startswith("shortlist_retrieval_")
        assert metric.documentation.endswith(".")
