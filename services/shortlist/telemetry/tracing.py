"""Tracing as a port: a span a request, a span a batch with its stages. Off, it is an object that does nothing.

`otlp` is the adapter; nothing else imports OpenTelemetry.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol, TypeAlias

from shortlist.core.errors import StartError

Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]
Stages: TypeAlias = list[tuple[str, float]]
Attributes: TypeAlias = Mapping[str, str | Sequence[str]]

TRACEPARENT = "traceparent"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})")
_outgoing: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("outgoing", default=())


class RequestSpan(Protocol):
    """The span of one call, from its arrival to its answer."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits; empty where the call is not sampled."""

    @property
    def is_sampled(self) -> bool:
        """Whether somebody will be able to look at it."""

    def end(self, code: str, attributes: Attributes) -> None:
        """End the span: `code` is the name of the gRPC status that the call was answered with."""


class Tracing(Protocol):
    """Makes spans; safe to call from several threads."""

    def request(self, method: str, metadata: Metadata) -> RequestSpan:
        """Begin the span of a call, in the caller's trace where its metadata name one."""

    def batch(self, requests: Sequence[RequestSpan]) -> AbstractContextManager[Stages]:
        """Record a batch and what it calls; it links to the requests that are sampled, and they to it.

        Each name with seconds that is put on the list becomes a span, the first from the beginning of the `with`, the
        others one after the other.
        """

    def close(self) -> None:
        """Send what is left, within some seconds."""


class NotTraced:
    """The span of a call that is not sampled."""

    trace_id = ""
    is_sampled = False

    def end(self, code: str, attributes: Attributes) -> None:
        """Do nothing."""


NOT_TRACED = NotTraced()


class NoTracing:
    """Tracing that is off."""

    def request(self, method: str, metadata: Metadata) -> RequestSpan:  # noqa: ARG002  # the port's
        """Make nothing."""
        return NOT_TRACED

    def batch(self, requests: Sequence[RequestSpan]) -> AbstractContextManager[Stages]:  # noqa: ARG002
        """Record nothing."""
        return nullcontext([])

    def close(self) -> None:
        """Do nothing."""


NO_TRACING = NoTracing()


def open_tracing(endpoint: str, share: float, service: str, version: str, on_lost: Callable[[int], None]) -> Tracing:
    """Open the adapter, or the object that does nothing where no endpoint is named.

    Args:
        endpoint: OTLP over gRPC: host:port, http://host:port or https://host:port.
        share: Of the requests whose caller has not decided, those that are sampled.
        service: Its name in traces.
        version: Of the service.
        on_lost: Hears how many spans the endpoint did not take.

    Raises:
        StartError: OpenTelemetry is not installed.
    """
    if not endpoint:
        return NO_TRACING
    try:
        from shortlist.telemetry.otlp import open_otlp  # noqa: PLC0415 - the extra `trace` may be missing
    except ImportError as error:
        raise StartError("a trace endpoint is set, but OpenTelemetry is missing: install shortlist[trace]") from error
    return open_otlp(endpoint, share, service, version, on_lost)


def caller_s_trace(metadata: Metadata) -> tuple[str, bool]:
    """Read W3C's header: the trace, empty where the caller names none, and whether the caller samples it."""
    for key, value in metadata:
        if key == TRACEPARENT and isinstance(value, str) and (match := _TRACEPARENT.match(value)):
            return match[1], bool(int(match[2], 16) & 1)
    return "", False


def outgoing_metadata() -> tuple[tuple[str, str], ...]:
    """Give W3C's headers for a call that this thread makes now; empty where nothing is traced."""
    return _outgoing.get()


@contextmanager
def calling_with(metadata: Mapping[str, str]) -> Iterator[None]:
    """Set what `outgoing_metadata` gives on this thread, to the end of the `with`."""
    token = _outgoing.set(tuple(metadata.items()))
    try:
        yield
    finally:
        _outgoing.reset(token)
