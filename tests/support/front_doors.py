"""Front doors, sinks and callers for tests: real gRPC on loopback."""

import importlib.util
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import grpc
import pytest

from shortlist.rpc.front import DEFAULT_OPTIONS, Call, FrontDoor, FrontOptions, Sink
from shortlist.rpc.server import FrontKind, open_front
from shortlist.rpc.services import AddService

ECHO = "/test.EchoService/Echo"
OTHER = "/test.EchoService/Other"
TIMEOUT_S = 10.0

FRONT_KINDS = (
    "grpcio",
    pytest.param(
        "native",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("pygrpc_native") is None, reason="the extra `fast` is not installed"
        ),
    ),
)


def echo(calls: Sequence[Call]) -> None:
    """Answer every call with its own payload."""
    for call in calls:
        call.respond(call.payload)


class Held:
    """A sink that keeps calls until the test takes them."""

    def __init__(self) -> None:
        self._calls: queue.Queue[Call] = queue.Queue()

    def __call__(self, calls: Sequence[Call]) -> None:
        """Take calls in."""
        for call in calls:
            self._calls.put(call)

    def next(self) -> Call:
        """Wait for the next call."""
        return self._calls.get(timeout=TIMEOUT_S)


@contextmanager
def opened(
    kind: FrontKind,
    sink: Sink,
    *,
    address: str = "127.0.0.1:0",
    services: Sequence[AddService] = (),
    options: FrontOptions = DEFAULT_OPTIONS,
    credentials: grpc.ServerCredentials | None = None,
) -> Iterator[FrontDoor]:
    """Open and start a front door; stop it afterwards and see that it kept neither a call nor a thread."""
    before = front_threads()
    front = open_front(kind, address, (ECHO, OTHER), services=services, options=options, credentials=credentials)
    try:
        front.start(sink)
        yield front
    finally:
        front.stop(0)
    assert front.in_flight == 0
    assert front_threads() == before


@contextmanager
def calling(front: FrontDoor, method: str = ECHO) -> Iterator["grpc.UnaryUnaryMultiCallable[bytes, bytes]"]:
    """Call a method of a front door over a connection of its own."""
    with channel_to(f"127.0.0.1:{front.port}") as channel:
        yield on(channel, method)


def on(channel: grpc.Channel, method: str) -> "grpc.UnaryUnaryMultiCallable[bytes, bytes]":
    """Take a method of a channel as bytes."""
    return channel.unary_unary(method)


def channel_to(address: str) -> grpc.Channel:
    """Open a channel that shares its connection with no other."""
    return grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])


def front_threads() -> list[str]:
    """Name the threads that front doors keep."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("front-")]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; fail when it does not within the time limit."""
    give_up_at = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < give_up_at, "the condition does not come true"
        time.sleep(0.002)
