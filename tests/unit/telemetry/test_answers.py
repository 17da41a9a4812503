import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from shortlist.telemetry.answers import AnswerMetrics

SOURCES = ("tower", "popular")


@pytest.fixture
def registry() -> CollectorRegistry:
    """Register nothing yet."""
    return CollectorRegistry()


@pytest.fixture
def answers(registry: CollectorRegistry) -> AnswerMetrics:
    """Count answers over a release of 98 items."""
    return AnswerMetrics(registry, SOURCES, 100, 98)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"shortlist_gateway_{name}", labels)


LABEL_SETS = [
    *(("slates_total", {"degraded": degraded}) for degraded in ("no", "yes")),
    *(("recommended_items_total", {"source": source}) for source in SOURCES),
    *(("score_log_odds_bucket", {"le": le}) for le in ("-12.0", "0.0", "6.0", "+Inf")),
    *(("feature_age_seconds_bucket", {"le": le}) for le in ("1.0", "86400.0", "3.1536e+07", "+Inf")),
    ("feature_age_seconds_count", {}),
    ("distinct_items", {}),
]


@pytest.mark.parametrize(("name", "labels"), LABEL_SETS)
def test_a_label_set_exists_from_the_start_at_zero(
    registry: CollectorRegistry, answers: AnswerMetrics, name: str, labels: dict[str, str]
) -> None:
    assert value(registry, name, **labels) == 0


def test_the_size_of_the_catalogue_is_told(registry: CollectorRegistry, answers: AnswerMetrics) -> None:
    assert value(registry, "catalogue_items") == 98


def test_whole_and_degraded_answers_are_counted_apart(registry: CollectorRegistry, answers: AnswerMetrics) -> None:
    answers.count(whole=3, degraded=1)
    answers.count(whole=0, degraded=2)
    assert (value(registry, "slates_total", degraded="no"), value(registry, "slates_total", degraded="yes")) == (3, 3)


def test_items_count_for_every_source_that_proposed_them(registry: CollectorRegistry, answers: AnswerMetrics) -> None:
    ranks = np.array([[1, 0], [2, 7], [0, 1]], np.int32)
    answers.observe_items(np.array([5, 6, 5], np.int32), ranks)
    assert value(registry, "recommended_items_total", source="tower") == 2
    assert value(registry, "recommended_items_total", source="popular") == 2
    assert value(registry, "distinct_items") == 2


def test_scores_and_ages_fall_into_their_buckets(registry: CollectorRegistry, answers: AnswerMetrics) -> None:
    answers.observe_scores(np.array([-0.5, 0.5, 7.0], np.float32))
    answers.observe_ages(np.array([0.5, 100_000.0]))
    scores = [value(registry, "score_log_odds_bucket", le=le) for le in ("-1.0", "0.0", "1.0", "+Inf")]
    assert scores == [0, 1, 2, 3]
    ages = [value(registry, "feature_age_seconds_bucket", le=le) for le in ("1.0", "86400.0", "259200.0")]
    assert ages == [1, 1, 2]
