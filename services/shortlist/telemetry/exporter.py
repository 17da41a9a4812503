"""A process's own HTTP port: /metrics for Prometheus, /health for whoever starts and restarts it."""

from collections.abc import Callable, Iterable
from threading import Thread
from types import TracebackType
from typing import Self
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from shortlist.core.errors import StartError


def new_registry() -> CollectorRegistry:
    """Make a registry that tells about the process as well."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class _Quiet(WSGIRequestHandler):
    """Logs no request: a scrape every few seconds is no news."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Exporter:
    """Serves from construction until `close`.

    Args:
        registry: What /metrics shows.
        address: "host:port"; port 0 takes a free one.
        is_serving: Whether /health answers 200 rather than 503.

    Raises:
        StartError: the address cannot be bound.
    """

    def __init__(self, registry: CollectorRegistry, address: str, is_serving: Callable[[], bool]) -> None:
        self._metrics, self._is_serving = make_wsgi_app(registry), is_serving
        host, _, port = address.rpartition(":")
        try:
            self._server = make_server(host, int(port), self._answer, ThreadingWSGIServer, _Quiet)
        except (OSError, ValueError) as error:
            raise StartError(f"metrics address {address} cannot be bound: {error}") from error
        self.port: int = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, name="exporter", daemon=True)
        self._thread.start()

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/health":
            is_serving = self._is_serving()
            start_response("200 OK" if is_serving else "503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"serving\n" if is_serving else b"not serving\n"]
        if path == "/metrics":
            page: Iterable[bytes] = self._metrics(environ, start_response)
            return page
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/metrics or /health\n"]

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
