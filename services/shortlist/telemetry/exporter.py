"""The metrics endpoint: one port a process, for Prometheus."""

from types import TracebackType
from typing import Self

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)

from shortlist.core.errors import StartError


def new_registry() -> CollectorRegistry:
    """Make a registry that tells about the process as well."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class Exporter:
    """Serves /metrics from construction until `close`.

    Raises:
        StartError: the address, "host:port", cannot be bound.
    """

    def __init__(self, registry: CollectorRegistry, address: str) -> None:
        host, _, port = address.rpartition(":")
        try:
            self._server, self._thread = start_http_server(int(port), host, registry)
        except (OSError, ValueError) as error:
            raise StartError(f"metrics address {address} cannot be bound: {error}") from error
        self.port: int = self._server.server_port

    def close(self) -> None:
        """Free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
