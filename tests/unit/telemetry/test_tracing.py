import subprocess
import sys

import pytest

from shortlist.core.errors import StartError
from shortlist.telemetry.tracing import NO_TRACING, NOT_TRACED, calling_with, open_tracing, outgoing_metadata

# Not all of OpenTelemetry: the client of Redis imports what it has for metrics, where that is installed.
OFF = """
import sys, shortlist.gateway.app
tracing = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "shortlist.telemetry.otlp")
print([name for name in sys.modules if name.startswith(tracing)])
"""


def never(spans: int) -> None:
    """Fail: no span may be lost."""
    pytest.fail(f"{spans} spans were lost")


def test_without_an_endpoint_nothing_is_traced() -> None:
    tracing = open_tracing("", 1.0, "shortlist-gateway", "1", never)
    assert tracing is NO_TRACING
    span = tracing.request("/a.B/C", (("traceparent", "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"),))
    assert (span.trace_id, span.is_sampled) == ("", False)
    with tracing.batch([span]) as stages:
        stages.append(("rank", 0.001))
        assert outgoing_metadata() == ()
    span.end("OK", {})
    tracing.close()


def test_each_batch_that_is_not_traced_has_a_list_of_its_own() -> None:
    with NO_TRACING.batch([NOT_TRACED]) as first:
        first.append(("rank", 0.001))
    with NO_TRACING.batch([NOT_TRACED]) as second:
        assert second == []


def test_a_gateway_that_does_not_trace_imports_nothing_that_does() -> None:
    ran = subprocess.run([sys.executable, "-c", OFF], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "[]\n"


def test_an_endpoint_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "shortlist.telemetry.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(StartError, match=r"shortlist\[trace\]"):
        open_tracing("127.0.0.1:4317", 1.0, "shortlist-gateway", "1", never)


def test_what_is_sent_along_is_set_for_the_with_only() -> None:
    with calling_with({"traceparent": "00-ab"}):
        assert outgoing_metadata() == (("traceparent", "00-ab"),)
    assert outgoing_metadata() == ()
