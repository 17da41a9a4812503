"""The health of a server: named checks in, grpc.health.v1 out.

Serving means that every check passes and no drain has begun. grpcio's own aio servicer is not used: it must be set
on its loop, and its watchers of one service lose each other (the first to leave deletes the condition of all).
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence

import grpc
import grpc.aio
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

HEALTH_SERVICE = "grpc.health.v1.Health"


class Health:
    """What a server says about itself; every method may be called from any thread.

    `service_names` are answered for alike, and so is "", the server as a whole. No check passes at first.
    """

    def __init__(self, service_names: Sequence[str], checks: Sequence[str] = ("ready",)) -> None:
        self._service_names = frozenset(("", *service_names))
        self._passes = dict.fromkeys(checks, False)
        self._is_draining = False
        self._watchers: set[Callable[[], object]] = set()
        self._lock = threading.Lock()

    def set(self, check: str, passes: bool) -> None:
        """Record the outcome of a check; KeyError for one that was not named at the start."""
        with self._lock:
            if check not in self._passes:
                raise KeyError(check)
            self._passes[check] = passes
            self._wake_watchers()

    def drain(self) -> None:
        """Serve no more, whatever the checks say from now on."""
        with self._lock:
            self._is_draining = True
            self._wake_watchers()

    @property
    def failing(self) -> tuple[str, ...]:
        """The checks that do not pass."""
        with self._lock:
            return tuple(check for check, passes in self._passes.items() if not passes)

    @property
    def is_serving(self) -> bool:
        """Whether calls are welcome."""
        return not self._is_draining and not self.failing

    def add_to(self, server: grpc.aio.Server) -> None:
        """Add grpc.health.v1 to a server that has not started yet."""
        handlers = {
            "Check": grpc.unary_unary_rpc_method_handler(
                self._check, HealthCheckRequest.FromString, HealthCheckResponse.SerializeToString
            ),
            "Watch": grpc.unary_stream_rpc_method_handler(
                self._watch, HealthCheckRequest.FromString, HealthCheckResponse.SerializeToString
            ),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(HEALTH_SERVICE, handlers),))

    def _response(self, service: str) -> HealthCheckResponse:
        if service not in self._service_names:
            return HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
        is_serving = self.is_serving
        return HealthCheckResponse(
            status=HealthCheckResponse.SERVING if is_serving else HealthCheckResponse.NOT_SERVING
        )

    async def _check(
        self,
        request: HealthCheckRequest,
        context: grpc.aio.ServicerContext[HealthCheckRequest, HealthCheckResponse],
    ) -> HealthCheckResponse:
        if request.service not in self._service_names:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service!r} here")
        return self._response(request.service)

    async def _watch(
        self,
        request: HealthCheckRequest,
        _context: grpc.aio.ServicerContext[HealthCheckRequest, HealthCheckResponse],
    ) -> AsyncIterator[HealthCheckResponse]:
        """Say the status, and again whenever it has changed, until the client leaves."""
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(changed.set)

        with self._lock:
            self._watchers.add(wake)
        try:
            last = None
            while True:
                changed.clear()
                response = self._response(request.service)
                if response != last:
                    yield response
                    last = response
                await changed.wait()
        finally:
            with self._lock:
                self._watchers.discard(wake)

    def _wake_watchers(self) -> None:
        for wake in self._watchers:
            wake()
