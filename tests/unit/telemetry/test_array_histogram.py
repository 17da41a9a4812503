import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as open_metrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from shortlist.telemetry.array_histogram import ArrayHistogram

BUCKETS = (1.0, 10.0, 2_592_000.0)
VALUES = [0.5, 1.0, 1.5, 10.0, 11.0, 5e6]


def page(registry: CollectorRegistry) -> list[str]:
    """Render the metrics page, without the moments of creation that the client adds to its own."""
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


def test_it_reads_as_the_client_s_own_histogram_of_the_same_values() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    own = Histogram("ages", "Ages.", buckets=BUCKETS, registry=theirs)
    for value in VALUES:
        own.observe(value)
    vectorised = ArrayHistogram("ages", "Ages.", BUCKETS, ours)
    vectorised.observe_many(np.array(VALUES[:2]))
    vectorised.observe_many(np.array(VALUES[2:]))
    assert page(ours) == page(theirs)


def test_where_values_may_be_negative_it_has_buckets_alone_as_open_metrics_asks() -> None:
    registry = CollectorRegistry()
    ArrayHistogram("scores", "Scores.", (-1.0, 1.0), registry).observe_many(np.array([-3.0, -1.0, 0.5]))
    (family,) = text_string_to_metric_families(open_metrics.generate_latest(registry).decode())
    assert [(sample.name, sample.labels["le"], sample.value) for sample in family.samples] == [
        ("scores_bucket", "-1.0", 2.0),
        ("scores_bucket", "1.0", 3.0),
        ("scores_bucket", "+Inf", 3.0),
    ]


def test_its_buckets_are_there_before_anything_is_observed() -> None:
    registry = CollectorRegistry()
    ArrayHistogram("scores", "Scores.", (-1.0, 1.0), registry)
    assert registry.get_sample_value("scores_bucket", {"le": "-1.0"}) == 0
    assert registry.get_sample_value("scores_bucket", {"le": "+Inf"}) == 0


def test_nothing_observed_changes_nothing() -> None:
    registry = CollectorRegistry()
    ArrayHistogram("ages", "Ages.", BUCKETS, registry).observe_many(np.zeros(0, np.float32))
    assert registry.get_sample_value("ages_count") == 0


def test_a_second_metric_of_its_name_is_refused() -> None:
    registry = CollectorRegistry()
    ArrayHistogram("ages", "Ages.", BUCKETS, registry)
    with pytest.raises(ValueError, match="Duplicated"):
        ArrayHistogram("ages", "Ages.", BUCKETS, registry)
