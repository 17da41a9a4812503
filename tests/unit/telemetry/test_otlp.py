import logging
from collections.abc import Callable, Iterator, Sequence

import pytest
from opentelemetry.exporter.otlp.proto.grpc import exporter as otlp_exporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from shortlist.telemetry.otlp import RETRY_S, OtlpTracing, QuietExporter
from shortlist.telemetry.tracing import NOT_TRACED, outgoing_metadata

METHOD = "/shortlist.v1.RecommenderService/Recommend"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-01"),)
NOT_SAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-00"),)
Spans = Callable[[], dict[str, list[ReadableSpan]]]


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Keep what is exported."""
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Iterator[OtlpTracing]:
    """Sample only what callers ask for."""
    tracing = OtlpTracing(exporter, 0.0, "shortlist-gateway", "1.2.3")
    yield tracing
    tracing.close()


@pytest.fixture
def finished(tracing: OtlpTracing, exporter: InMemorySpanExporter) -> Spans:
    """Finish, and give the spans by name."""

    def spans() -> dict[str, list[ReadableSpan]]:
        tracing.close()
        by_name: dict[str, list[ReadableSpan]] = {}
        for span in exporter.get_finished_spans():
            by_name.setdefault(span.name, []).append(span)
        return by_name

    return spans


def span_id(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def linked(span: ReadableSpan) -> set[int]:
    """Name the spans that one links to."""
    return {link.context.span_id for link in span.links}


def test_a_call_s_span_is_in_the_caller_s_trace(tracing: OtlpTracing, finished: Spans) -> None:
    request = tracing.request(METHOD, SAMPLED)
    assert (request.trace_id, request.is_sampled) == (TRACE, True)
    request.end("OK", {"shortlist.release": "tiny", "shortlist.degraded": ["stale_features"]})
    (span,) = finished()["shortlist.v1.RecommenderService/Recommend"]
    assert span.parent is not None
    assert span.parent.span_id == int(PARENT, 16)
    assert span.kind is SpanKind.SERVER
    assert span.attributes == {
        "rpc.system.name": "grpc",
        "rpc.response.status_code": "OK",
        "shortlist.release": "tiny",
        "shortlist.degraded": ("stale_features",),
    }
    assert span.status.status_code is StatusCode.UNSET
    assert span.resource.attributes["service.name"] == "shortlist-gateway"


@pytest.mark.parametrize(("code", "is_fault"), [("INTERNAL", True), ("UNAVAILABLE", True), ("NOT_FOUND", False)])
def test_only_what_is_our_fault_marks_a_span_as_failed(
    tracing: OtlpTracing, finished: Spans, code: str, is_fault: bool
) -> None:
    tracing.request(METHOD, SAMPLED).end(code, {})
    (span,) = finished()["shortlist.v1.RecommenderService/Recommend"]
    assert (span.status.status_code is StatusCode.ERROR) is is_fault


@pytest.mark.parametrize("metadata", [(), NOT_SAMPLED, (("traceparent", "nonsense"),), (("traceparent", b"\xff"),)])
def test_what_is_not_sampled_leaves_no_span(
    tracing: OtlpTracing, finished: Spans, metadata: tuple[tuple[str, str | bytes], ...]
) -> None:
    request = tracing.request(METHOD, metadata)
    with tracing.batch([request]) as stages:
        stages.append(("rank", 0.001))
        assert outgoing_metadata() == ()
    request.end("OK", {})
    assert (request.trace_id, request.is_sampled) == ("", False)
    assert finished() == {}


def test_a_share_of_one_samples_what_no_caller_decided(exporter: InMemorySpanExporter) -> None:
    tracing = OtlpTracing(exporter, 1.0, "shortlist-gateway", "1.2.3")
    assert tracing.request(METHOD, ()).is_sampled
    assert not tracing.request(METHOD, NOT_SAMPLED).is_sampled
    tracing.close()


def test_a_batch_and_its_requests_link_to_each_other(tracing: OtlpTracing, finished: Spans) -> None:
    first, unsampled, second = (tracing.request(METHOD, metadata) for metadata in (SAMPLED, NOT_SAMPLED, SAMPLED))
    with tracing.batch([first, unsampled, second, second]):
        pass
    for request in (first, unsampled, second):
        request.end("OK", {})
    spans = finished()
    (batch,) = spans["batch"]
    requests = spans["shortlist.v1.RecommenderService/Recommend"]
    assert linked(batch) == {span_id(span) for span in requests}
    assert [linked(span) for span in requests] == [{span_id(batch)}] * 2
    assert batch.attributes == {"shortlist.batch_size": 4}
    assert batch.parent is not None
    assert batch.parent.span_id == span_id(requests[0])


def test_stages_follow_one_another_inside_the_batch(tracing: OtlpTracing, finished: Spans) -> None:
    request = tracing.request(METHOD, SAMPLED)
    with tracing.batch([request]) as stages:
        stages += [("features", 0.002), ("rank", 0.003)]
    request.end("OK", {})
    spans = finished()
    (batch,), (features,), (rank,), (queue,) = (spans[name] for name in ("batch", "features", "rank", "queue"))
    (call,) = spans["shortlist.v1.RecommenderService/Recommend"]
    for stage in (features, rank):
        assert stage.parent is not None
        assert stage.parent.span_id == span_id(batch)
    assert features.end_time == rank.start_time
    assert [stage.end_time - stage.start_time for stage in (features, rank)] == [2_000_000, 3_000_000]  # type: ignore[operator]
    assert batch.end_time == rank.end_time
    assert queue.parent is not None
    assert queue.parent.span_id == span_id(call)
    assert queue.end_time == features.start_time


def test_what_a_batch_calls_is_told_its_span(tracing: OtlpTracing, finished: Spans) -> None:
    request = tracing.request(METHOD, (*SAMPLED, ("tracestate", "shop=1")))
    with tracing.batch([request]):
        headers = dict(outgoing_metadata())
    request.end("OK", {})
    (batch,) = finished()["batch"]
    assert headers == {"traceparent": f"00-{TRACE}-{span_id(batch):016x}-01", "tracestate": "shop=1"}
    assert outgoing_metadata() == ()


def test_a_batch_that_fails_is_marked_and_ends(tracing: OtlpTracing, finished: Spans) -> None:
    request = tracing.request(METHOD, SAMPLED)
    with pytest.raises(ZeroDivisionError), tracing.batch([request, NOT_TRACED]):
        raise ZeroDivisionError
    (batch,) = finished()["batch"]
    assert batch.status.status_code is StatusCode.ERROR
    assert outgoing_metadata() == ()


class Flaky(SpanExporter):
    """Takes spans or not, or raises; and logs as OpenTelemetry's own does."""

    def __init__(self) -> None:
        self.calls = 0
        self.outcome: SpanExportResult | Exception = SpanExportResult.SUCCESS

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002  # the port's
        """Do as told."""
        self.calls += 1
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if self.outcome is SpanExportResult.FAILURE:
            otlp_exporter.logger.error("UNAVAILABLE: connection refused")
        return self.outcome

    def shutdown(self) -> None:
        """Do nothing."""


class Endpoint:
    """A quiet exporter to a flaky endpoint, at a time that the test sets."""

    def __init__(self) -> None:
        self.now, self.lost = 0.0, list[int]()
        self.inner = Flaky()
        self.exporter = QuietExporter(self.inner, "collector:4317", self.lost.append, lambda: self.now)

    def send(self, outcome: SpanExportResult | Exception) -> SpanExportResult:
        """Send two spans."""
        self.inner.outcome = outcome
        span = ReadableSpan("x")
        return self.exporter.export([span, span])


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """Reach an endpoint."""
    endpoint = Endpoint()
    yield endpoint
    endpoint.exporter.shutdown()


def test_an_endpoint_that_takes_nothing_is_told_once_with_its_reason_and_so_is_its_return(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    failures: list[SpanExportResult | Exception] = [SpanExportResult.FAILURE, SpanExportResult.FAILURE, ValueError("x")]
    for outcome in (*failures, SpanExportResult.SUCCESS, SpanExportResult.SUCCESS):
        endpoint.send(outcome)
        endpoint.now += RETRY_S
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "collector:4317 does not take them: UNAVAILABLE: connection refused" in caplog.text
    assert endpoint.lost == [2, 2, 2]


def test_an_endpoint_that_failed_is_left_alone_for_a_while(endpoint: Endpoint) -> None:
    endpoint.send(SpanExportResult.FAILURE)
    assert endpoint.send(SpanExportResult.SUCCESS) is SpanExportResult.FAILURE
    assert (endpoint.inner.calls, endpoint.lost) == (1, [2, 2])
    endpoint.now += RETRY_S
    assert endpoint.send(SpanExportResult.SUCCESS) is SpanExportResult.SUCCESS
    assert endpoint.inner.calls == 2


def test_an_exporter_that_raises_loses_spans_and_nothing_else(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    assert endpoint.send(TypeError("no metadata")) is SpanExportResult.FAILURE
    assert endpoint.lost == [2]
    assert "no metadata" in caplog.text
