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
        StartError: the port is taken.
    """

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise StartError(f"metrics port {host}:{port} cannot be bound: {error.strerror}") from error
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
