"""The front door as a port: where calls come in as bytes and answers leave as bytes.

A front door knows HTTP/2, deadlines, metadata and cancellation; it knows no message of ours. It hands calls to
a sink and never waits for it; any thread may answer a call, once. Two adapters satisfy it: `grpcio_front` (the
reference: every method kind, TLS) and `native_front` (pygrpc-native: HTTP/2 in Rust, outside the interpreter's
lock); one contract test runs over both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shortlist.resilience.deadline import Deadline
from shortlist.rpc.status import Status

Metadata = Sequence[tuple[str, str | bytes]]


class Call(Protocol):
    """One unary call, waiting for its answer.

    `respond` and `fail` may be called from any thread; the first one wins and a later one, or one whose caller is
    gone, does nothing and returns False.
    """

    @property
    def method(self) -> str:
        """Full name, such as "/shortlist.v1.RecommenderService/Recommend"."""

    @property
    def payload(self) -> bytes:
        """The request message."""

    @property
    def deadline(self) -> Deadline | None:
        """The caller's deadline; None where it set none."""

    @property
    def metadata(self) -> Metadata:
        """What the caller sent along."""

    @property
    def is_cancelled(self) -> bool:
        """Whether the caller is gone (it cancelled, its deadline passed, or its connection broke)."""

    def respond(self, payload: bytes) -> bool:
        """Answer with a message."""

    def fail(self, status: Status) -> bool:
        """Answer with a status other than OK."""


Sink = Callable[[Sequence[Call]], None]
"""Takes calls that arrived together. It must not raise and must not block: it decides and queues."""


@dataclass(frozen=True, slots=True)
class FrontOptions:
    """The walls of a front door; a word means the same in both adapters."""

    max_message_bytes: int = 4 * 1024 * 1024
    """Of one request; a larger one is RESOURCE_EXHAUSTED."""

    max_metadata_bytes: int = 16 * 1024
    """Of one call; more is refused (RESOURCE_EXHAUSTED by grpcio, HTTP status 431 by the native front door)."""

    max_concurrent_streams: int = 1024
    """Per connection; the excess waits in the client."""

    max_calls: int = 8192
    """In flight, over all connections; the excess is RESOURCE_EXHAUSTED with a retry-after."""

    reuse_port: bool = False
    """Whether processes share the port. Off: two strangers on one port must not both start."""


DEFAULT_OPTIONS = FrontOptions()


class FrontDoor(Protocol):
    """A listening gRPC server for unary methods that are served as bytes."""

    @property
    def name(self) -> str:
        """Which adapter it is: "grpcio" or "native"."""

    @property
    def port(self) -> int:
        """The bound port; 1 for a Unix socket, as gRPC has it."""

    @property
    def in_flight(self) -> int:
        """How many calls wait for their answer."""

    def start(self, sink: Sink) -> None:
        """Begin to accept calls; the port is bound from the constructor on."""

    def stop(self, grace_s: float) -> None:
        """Take no new calls, wait up to `grace_s` for those in flight, then end them with UNAVAILABLE.

        Afterwards the port is free and the threads of this front door have ended. A second stop does nothing.
        """
