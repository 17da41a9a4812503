"""Which ports the embedded cluster listens on, and whether they are free."""

import errno
import os
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from shortlist.core.errors import StartError

GATEWAY_PORTS = ("redis", "gateway", "metrics", "features_metrics")
TRITON_PORTS = ("triton_http", "triton_grpc", "triton_metrics")


@dataclass(frozen=True, slots=True)
class Ports:
    """The port of each listener on loopback; 0 stands for any free one."""

    gateway: int = 50051
    metrics: int = 9464
    redis: int = 6379
    triton_http: int = 8000
    triton_grpc: int = 8001
    triton_metrics: int = 8002
    features_metrics: int = 0

    def resolve(self, names: Iterable[str]) -> "Ports":
        """Choose a free port for each named listener that has 0, and make sure that the others' are free.

        Nothing is held afterwards: a stranger may still take a port before its part binds it, and the part then fails.

        Raises:
            StartError: a port is taken or cannot be bound; with the listener and the option that moves it.
        """
        chosen: dict[str, int] = {}
        with ExitStack() as held:
            # the given ports first: a free one must not be picked from under them
            for name in sorted(names, key=lambda name: getattr(self, name) == 0):
                listener = held.enter_context(_listen(name, getattr(self, name)))
                chosen[name] = listener.getsockname()[1]
        return replace(self, **chosen)


def _listen(name: str, port: int) -> socket.socket:
    listener = socket.socket()
    # Without SO_REUSEPORT, which grpc sets: two strangers would share the port. With SO_REUSEADDR: connections of a
    # cluster that has just ended do not count, a listener still does.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        raise StartError(refusal(name, port, error)) from error
    return listener


def refusal(name: str, port: int, error: OSError | OverflowError) -> str:
    """Say why a listener cannot have its port, and which option of `shortlist up` moves it."""
    words = name.replace("_", " ")
    option = f"--{name.replace('_', '-')}-port"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} ({words}) is taken: stop the other cluster or choose another with {option}"
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    return f"port {port} ({words}) cannot be bound ({reason}): choose another with {option}"
