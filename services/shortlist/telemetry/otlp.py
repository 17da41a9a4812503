"""Tracing by OpenTelemetry, exported as OTLP over gRPC. Importing this module needs the extra `trace`.

Spans wait in a bounded queue and are sent by a thread of its own: an endpoint that is slow or gone costs spans, never
a request.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc import exporter as otlp_exporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shortlist.telemetry.tracing import (
    NOT_TRACED,
    Attributes,
    Metadata,
    RequestSpan,
    Stages,
    caller_s_trace,
    calling_with,
)

_LOGGER = logging.getLogger(__name__)
_W3C = TraceContextTextMapPropagator()
_SERVER_FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})

MAX_QUEUE_SPANS = 2048
MAX_EXPORT_SPANS = 512
EXPORT_INTERVAL_S = 1.0
EXPORT_TIMEOUT_S = 2.0
RETRY_S = 5.0
"""How long an endpoint that failed is left alone: what it costs is bounded, at the end of the process too."""


def open_otlp(endpoint: str, share: float, service: str, version: str, on_lost: Callable[[int], None]) -> "OtlpTracing":
    """Trace to an endpoint; see `tracing.open_tracing`."""
    exporter = OTLPSpanExporter(endpoint, insecure=not endpoint.startswith("https://"), timeout=EXPORT_TIMEOUT_S)
    return OtlpTracing(QuietExporter(exporter, endpoint, on_lost), share, service, version)


class OtlpTracing:
    """Makes spans of requests and batches.

    Args:
        exporter: Takes finished spans, some at a time; shut down with the tracing.
        share: Of the requests whose caller has not decided, those that are sampled.
        service: Its name in traces.
        version: Of the service.
    """

    def __init__(self, exporter: SpanExporter, share: float, service: str, version: str) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service, "service.version": version}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, MAX_QUEUE_SPANS, EXPORT_INTERVAL_S * 1000, MAX_EXPORT_SPANS)
        )
        self._share = share
        self._tracer = self._provider.get_tracer("shortlist", version)

    def request(self, method: str, metadata: Metadata) -> RequestSpan:
        """Begin the span of a call; one that is not sampled costs nothing more than the question."""
        trace_id, is_sampled = caller_s_trace(metadata)
        if not (is_sampled if trace_id else random.random() < self._share):  # noqa: S311  # guards nothing
            return NOT_TRACED
        headers = {key: value for key, value in metadata if key in _W3C.fields and isinstance(value, str)}
        # An empty context and not the thread's own: calls have nothing to do with what ran before them.
        parent = _W3C.extract(headers, Context())
        name = method.removeprefix("/")
        return OtlpRequest(self._tracer.start_span(name, parent, SpanKind.SERVER))

    @contextmanager
    def batch(self, requests: Sequence[RequestSpan]) -> Iterator[Stages]:
        """Record a batch where one of its requests is sampled, in the trace of the first of these."""
        stages: Stages = []
        # One call may have several requests in a batch.
        sampled = [request for request in dict.fromkeys(requests) if isinstance(request, OtlpRequest)]
        if not sampled:
            yield stages
            return
        links = [Link(request.span.get_span_context()) for request in sampled]
        attributes = {"shortlist.batch_size": len(requests)}
        span = self._tracer.start_span("batch", sampled[0].context, SpanKind.INTERNAL, attributes, links)
        for request in sampled:
            request.span.add_link(span.get_span_context())
        context = set_span_in_context(span, Context())
        headers: dict[str, str] = {}
        _W3C.inject(headers, context)
        started_ns = time.time_ns()
        try:
            with calling_with(headers):
                yield stages
        except BaseException:
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            for request in sampled:
                self._stage("queue", request.context, request.started_ns, started_ns)
            ended_ns = started_ns
            for stage, seconds in stages:
                begun_ns, ended_ns = ended_ns, ended_ns + round(seconds * 1e9)
                self._stage(stage, context, begun_ns, ended_ns)
            span.end(ended_ns)

    def _stage(self, name: str, parent: Context, started_ns: int, ended_ns: int) -> None:
        self._tracer.start_span(name, parent, start_time=started_ns).end(ended_ns)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


class OtlpRequest:
    """The span of a call that is sampled."""

    __slots__ = ("context", "span", "started_ns")
    is_sampled = True

    def __init__(self, span: Span) -> None:
        self.span = span
        self.started_ns = time.time_ns()
        self.context = set_span_in_context(span, Context())

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return f"{self.span.get_span_context().trace_id:032x}"

    def end(self, code: str, attributes: Attributes) -> None:
        """End the span; an error of the server's making marks it as failed, one of the caller's does not."""
        self.span.set_attributes({"rpc.system.name": "grpc", "rpc.response.status_code": code, **attributes})
        if code in _SERVER_FAULTS:
            self.span.set_status(StatusCode.ERROR)
        self.span.end()


class QuietExporter(SpanExporter):
    """Passes spans on; says once that they are not taken, and once that they are again.

    Args:
        exporter: Sends them.
        endpoint: For the log.
        on_lost: Hears how many were not taken.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        endpoint: str,
        on_lost: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._exporter, self._endpoint, self._on_lost, self._clock = exporter, endpoint, on_lost, clock
        self._is_down, self._retry_at = False, 0.0
        self._reason = ""
        # OpenTelemetry would log every try that fails, and every span for which its queue has no room.
        otlp_exporter.logger.addFilter(self._keep)
        logging.getLogger("opentelemetry.sdk").setLevel(logging.CRITICAL)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, unless the endpoint failed a moment ago."""
        if self._is_down and self._clock() < self._retry_at:
            self._on_lost(len(spans))
            return SpanExportResult.FAILURE
        result = self._send(spans)
        if result is SpanExportResult.SUCCESS:
            if self._is_down:
                _LOGGER.info("traces are taken again")
            self._is_down = False
            return result
        self._on_lost(len(spans))
        if not self._is_down:
            _LOGGER.warning("traces are lost: %s does not take them: %s", self._endpoint, self._reason)
        self._is_down, self._retry_at = True, self._clock() + RETRY_S
        return result

    def _send(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            return self._exporter.export(spans)
        except Exception as error:  # whatever it is, the thread that sends goes on
            self._reason = str(error)
            return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """End the exporter."""
        self._exporter.shutdown()
        otlp_exporter.logger.removeFilter(self._keep)

    def _keep(self, record: logging.LogRecord) -> bool:
        self._reason = record.getMessage()
        return False
