"""A port that several processes of one service listen on; imports no gRPC, so that a supervisor stays small."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from shortlist.core.errors import StartError


def cannot_listen(address: str) -> StartError:
    """Say why a front door does not open: its address cannot be bound."""
    return StartError(f"cannot listen on {address}: it is in use or is no address of this host; choose another address")


@contextmanager
def held_port(address: str) -> Iterator[str]:
    """Keep strangers from a port until the end of the `with`, for processes that bind it with SO_REUSEPORT.

    The socket that holds it does not listen, so the kernel gives it no connections.

    Args:
        address: "host:port"; port 0 takes a free one.

    Yields:
        The address with the port that was bound.

    Raises:
        StartError: another process has the port, shared or not, or there is no such address.
    """
    with _hold(address) as holder:
        yield f"{address.rpartition(':')[0]}:{holder.getsockname()[1]}"


def _hold(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:  # getaddrinfo would take it modulo 65536
        raise cannot_listen(address)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as claim:
            # Without SO_REUSEPORT, or it would join those who share the port already; with SO_REUSEADDR, because
            # connections of a service that has just ended linger on it.
            claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            claim.bind(place)
            # Now let in whoever shares, and hold the port by a socket that refuses everybody else: beside the claim
            # alone, anyone with SO_REUSEADDR could bind until the first of us listens.
            claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder = socket.socket(family, kind, protocol)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind(claim.getsockname())
            return holder
    except OSError as error:
        raise cannot_listen(address) from error
