from prometheus_client import CollectorRegistry

from shortlist.telemetry.features import FAILING, LISTS, DerivationMetrics


def test_every_label_set_exists_from_the_start() -> None:
    registry = CollectorRegistry()
    DerivationMetrics(registry)
    for step in FAILING:
        assert registry.get_sample_value("shortlist_features_failures_total", {"step": step}) == 0
    for name in LISTS:
        assert registry.get_sample_value("shortlist_features_listed_items", {"list": name}) == 0
