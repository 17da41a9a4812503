from prometheus_client import CollectorRegistry

from shortlist.telemetry.events import OUTCOMES, EventMetrics


def test_every_label_set_exists_from_the_start_at_zero() -> None:
    registry = CollectorRegistry()
    EventMetrics(registry)
    names = ("event_batch_seconds_count", "event_batch_size_events_count", "waiting_event_calls")
    assert [registry.get_sample_value(f"shortlist_gateway_{name}") for name in names] == [0.0] * 3
    for outcome in OUTCOMES:
        assert registry.get_sample_value("shortlist_gateway_events_total", {"outcome": outcome}) == 0.0


def test_what_waits_is_told() -> None:
    registry = CollectorRegistry()
    EventMetrics(registry).waiting(5)
    assert registry.get_sample_value("shortlist_gateway_waiting_event_calls") == 5
