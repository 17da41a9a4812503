import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter

from shortlist.core.errors import StartError
from shortlist.telemetry.exporter import Exporter, new_registry


def scrape(port: int) -> str:
    """Read the metrics page."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_metrics_are_served_on_the_port_it_tells() -> None:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    with Exporter(registry, "127.0.0.1:0") as exporter:
        assert "things_total 3.0" in scrape(exporter.port)


def test_an_address_in_use_does_not_start() -> None:
    with Exporter(CollectorRegistry(), "127.0.0.1:0") as first, pytest.raises(StartError, match="cannot be bound"):
        Exporter(CollectorRegistry(), f"127.0.0.1:{first.port}")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:http", ""])
def test_an_address_that_is_none_does_not_start(address: str) -> None:
    with pytest.raises(StartError, match="cannot be bound"):
        Exporter(CollectorRegistry(), address)


def test_closing_frees_the_port() -> None:
    with Exporter(CollectorRegistry(), "127.0.0.1:0") as first:
        port = first.port
    with Exporter(CollectorRegistry(), f"127.0.0.1:{port}") as second:
        assert second.port == port


def test_a_new_registry_tells_about_the_process() -> None:
    names = {metric.name for metric in new_registry().collect()}
    assert {"process_cpu_seconds", "python_info", "python_gc_collections"} <= names
