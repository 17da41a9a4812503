import http.client

import pytest
from prometheus_client import CollectorRegistry, Counter

from shortlist.core.errors import StartError
from shortlist.telemetry.exporter import Exporter, new_registry


def asked(port: int, path: str) -> tuple[int, str]:
    """Send GET; return status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_metrics_are_served_on_the_port_it_tells() -> None:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    with Exporter(registry, "127.0.0.1:0", lambda: True) as exporter:
        assert "things_total 3.0" in asked(exporter.port, "/metrics")[1]


def test_an_address_in_use_does_not_start() -> None:
    with (
        Exporter(CollectorRegistry(), "127.0.0.1:0", lambda: True) as first,
        pytest.raises(StartError, match="cannot be bound"),
    ):
        Exporter(CollectorRegistry(), f"127.0.0.1:{first.port}", lambda: True)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:http", ""])
def test_an_address_that_is_none_does_not_start(address: str) -> None:
    with pytest.raises(StartError, match="cannot be bound"):
        Exporter(CollectorRegistry(), address, lambda: True)


def test_closing_frees_the_port() -> None:
    with Exporter(CollectorRegistry(), "127.0.0.1:0", lambda: True) as first:
        port = first.port
    with Exporter(CollectorRegistry(), f"127.0.0.1:{port}", lambda: True) as second:
        assert second.port == port


def test_a_new_registry_tells_about_the_process() -> None:
    names = {metric.name for metric in new_registry().collect()}
    assert {"process_cpu_seconds", "python_info", "python_gc_collections"} <= names


def test_health_is_what_the_process_says_of_itself() -> None:
    is_serving = False
    with Exporter(CollectorRegistry(), "127.0.0.1:0", lambda: is_serving) as exporter:
        before = asked(exporter.port, "/health")
        is_serving = True
        after = asked(exporter.port, "/health")
    assert (before, after) == ((503, "not serving\n"), (200, "serving\n"))


def test_any_other_path_is_not_found() -> None:
    with Exporter(CollectorRegistry(), "127.0.0.1:0", lambda: True) as exporter:
        assert asked(exporter.port, "/")[0] == 404
