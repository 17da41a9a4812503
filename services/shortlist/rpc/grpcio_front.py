"""The reference front door: grpc.aio, run by an event loop in a thread of its own.

It serves every method kind (through `services`) and TLS. One call costs it some 0.2 to 0.3 ms of a core; where that
is the ceiling, `native_front` stands in.
"""

import asyncio
import functools
import itertools
from collections.abc import Mapping, Sequence

import grpc
import grpc.aio

from shortlist.rpc.front import DEFAULT_OPTIONS, FrontOptions, Sink
from shortlist.rpc.in_flight import Answer, InFlight, PendingCall, hand_over
from shortlist.rpc.loop_thread import LoopThread
from shortlist.rpc.services import AddService
from shortlist.rpc.shared_port import cannot_listen
from shortlist.rpc.status import Status

# How long answers that are on their way, and streams that never end (a health watch), may take once calls are drained.
_FLUSH_S = 0.25

# Of processes that share a port the kernel gives a connection to one, whatever its load, for as long as it lasts: let
# none last for ever, and calls under way finish first.
_CONNECTION_AGE_MS = 60_000
_CONNECTION_GRACE_MS = 60_000

Context = grpc.aio.ServicerContext[bytes, bytes]


class _Methods(grpc.GenericRpcHandler):
    """Finds handlers by full method name, without a look at the messages."""

    def __init__(self, handlers: Mapping[str, "grpc.RpcMethodHandler[bytes, bytes]"]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        return self._handlers.get(handler_call_details.method)


class GrpcioFront:
    """A front door on grpc.aio."""

    name = "grpcio"

    def __init__(
        self,
        address: str,
        methods: Sequence[str],
        *,
        services: Sequence[AddService] = (),
        options: FrontOptions = DEFAULT_OPTIONS,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self._in_flight = InFlight(options.max_calls)
        self._keys = itertools.count()
        self._arrived: list[PendingCall] = []
        self._sink: Sink
        self._is_started = False
        self._is_stopped = False
        self._thread = LoopThread("front-grpcio")
        try:
            self._server, self.port = self._thread.run(self._bind(address, methods, services, options, credentials))
        except BaseException:
            self._thread.close()
            raise

    async def _bind(
        self,
        address: str,
        methods: Sequence[str],
        services: Sequence[AddService],
        options: FrontOptions,
        credentials: grpc.ServerCredentials | None,
    ) -> tuple[grpc.aio.Server, int]:
        """Make the server on the loop, which it takes from the thread that makes it."""
        server = grpc.aio.server(options=_channel_arguments(options))
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            method: grpc.unary_unary_rpc_method_handler(functools.partial(self._serve, method)) for method in methods
        }
        server.add_generic_rpc_handlers((_Methods(handlers),))
        for add in services:
            add(server)
        try:
            if credentials is None:
                return server, server.add_insecure_port(address)
            return server, server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise cannot_listen(address) from error

    @property
    def in_flight(self) -> int:
        """How many calls wait for their answer."""
        return len(self._in_flight)

    def start(self, sink: Sink) -> None:
        """Begin to accept calls."""
        self._sink = sink
        self._is_started = True
        self._thread.run(self._server.start())

    def stop(self, grace_s: float) -> None:
        """Drain, then end the server and its thread."""
        if self._is_stopped:
            return
        self._is_stopped = True
        if not self._is_started:  # grpc lets go of the port of a server that ran, and of no other
            self._in_flight.drain(0)
            self._thread.run(self._server.start())
        stopping = self._thread.submit(self._server.stop(grace_s + _FLUSH_S))
        self._in_flight.drain(grace_s)
        self._thread.run(self._server.stop(_FLUSH_S))
        stopping.result()
        self._thread.close()

    async def _serve(self, method: str, payload: bytes, context: Context) -> bytes:
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        call = PendingCall(
            self._in_flight,
            next(self._keys),
            method,
            payload,
            tuple(context.invocation_metadata() or ()),
            context.time_remaining(),
            functools.partial(self._thread.resolve, answered),
        )
        refusal = self._in_flight.admit(call)
        if refusal is None:
            self._arrive(call)
        else:
            call.send(refusal)
        try:
            answer = await answered
        except asyncio.CancelledError:
            self._in_flight.cancel(call.key)
            raise
        if isinstance(answer, Status):
            # Not set_code: that sends an empty message first, which a client's retry policy takes for an answer.
            await context.abort(answer.code, answer.message, answer.trailing)
        return answer

    def _arrive(self, call: PendingCall) -> None:
        """Hand calls that arrive in one turn of the loop to the sink together."""
        self._arrived.append(call)
        if len(self._arrived) == 1:
            asyncio.get_running_loop().call_soon(self._hand_over)

    def _hand_over(self) -> None:
        calls, self._arrived = self._arrived, []
        hand_over(self._sink, calls)


def _channel_arguments(options: FrontOptions) -> list[tuple[str, int]]:
    ageing = [
        ("grpc.max_connection_age_ms", _CONNECTION_AGE_MS),
        ("grpc.max_connection_age_grace_ms", _CONNECTION_GRACE_MS),
    ]
    return [
        *(ageing if options.reuse_port else ()),
        ("grpc.max_receive_message_length", options.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", options.max_concurrent_streams),
        # Between the soft and the hard limit grpc refuses calls at random: make them one.
        ("grpc.max_metadata_size", options.max_metadata_bytes),
        ("grpc.absolute_max_metadata_size", options.max_metadata_bytes),
        ("grpc.so_reuseport", int(options.reuse_port)),
        # Our channels ping every 30 s; grpc's own limit of 5 minutes would end their connections.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
