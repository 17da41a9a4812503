"""A receiver of traces: OTLP over gRPC, as a collector is."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from support.running_cluster import wait_until


class TraceReceiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the spans that it is sent."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._lock = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def Export(  # noqa: N802  # the protocol's
        self, request: trace_service_pb2.ExportTraceServiceRequest, _context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Take spans."""
        with self._lock:
            self._spans += [
                span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
            ]
        return trace_service_pb2.ExportTraceServiceResponse()

    def spans(self, name: str, count: int = 1) -> list[Span]:
        """Wait until so many spans of a name have come, and give them in order of their beginning."""
        wait_until(lambda: len(self._named(name)) >= count, f"{count} spans {name}")
        return sorted(self._named(name), key=lambda span: span.start_time_unix_nano)

    def _named(self, name: str) -> list[Span]:
        with self._lock:
            return [span for span in self._spans if span.name == name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(grace=None).wait()


def attributes_of(span: Span) -> dict[str, object]:
    """Read a span's attributes: strings, numbers, lists of strings."""
    found: dict[str, object] = {}
    for attribute in span.attributes:
        kind = attribute.value.WhichOneof("value")
        assert kind is not None
        value = getattr(attribute.value, kind)
        found[attribute.key] = [each.string_value for each in value.values] if kind == "array_value" else value
    return found
