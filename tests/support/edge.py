"""The real Envoy as the deployed edge, as a process that a test owns."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from loadtest.edge import EdgePorts, edge_part

from support.real_servers import Server, free_ports


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a running edge is reached; `authority` is the certificate (PEM) that vouches for it."""

    plain_port: int
    tls_port: int
    metrics_port: int
    authority: bytes


@contextmanager
def edge(directory: Path, *gateway_ports: int) -> Iterator[Edge]:
    """Run the edge before gateways on these ports until the end of the `with`."""
    free = free_ports()
    ports = EdgePorts(plain=free.gateway, tls=free.triton_http, metrics=free.metrics, admin=free.redis)
    authority = trustme.CA()
    with Server(edge_part(gateway_ports, ports, directory, authority), directory):
        yield Edge(ports.plain, ports.tls, ports.metrics, authority.cert_pem.bytes())
