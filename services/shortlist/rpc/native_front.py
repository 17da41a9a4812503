"""The fast front door: pygrpc-native, HTTP/2 and gRPC in Rust outside the interpreter's lock.

It serves unary methods in plaintext; health and reflection pass through it to a grpcio front on a Unix socket in a
private directory. Importing this module needs the extra `fast`.
"""

import functools
import tempfile
import threading
import time
from collections.abc import Sequence

import grpc
from pygrpc_native import EVENT_CANCEL, NativeGrpcFront

from shortlist.rpc.front import DEFAULT_OPTIONS, FrontOptions, Sink
from shortlist.rpc.grpcio_front import GrpcioFront
from shortlist.rpc.in_flight import Answer, InFlight, PendingCall, hand_over
from shortlist.rpc.services import AddService
from shortlist.rpc.shared_port import cannot_listen
from shortlist.rpc.status import Status

# The most calls that one trip across the interpreter's lock brings in.
_BATCH = 64

# It carries 20,000 calls a second; a second one would be one more to wake.
_IO_THREADS = 1

# close() drops answers that are not written yet: of 20 answers of 20 kB, given just before it, half were lost.
_FLUSH_S = 0.05


class NativeFront:
    """A front door on pygrpc-native."""

    name = "native"

    def __init__(
        self,
        address: str,
        methods: Sequence[str],
        *,
        services: Sequence[AddService] = (),
        options: FrontOptions = DEFAULT_OPTIONS,
    ) -> None:
        self._methods = tuple(methods)
        self._services = services
        self._max_message_bytes = options.max_message_bytes
        self._in_flight = InFlight(options.max_calls)
        self._receiver: threading.Thread | None = None
        self._fallback: _Fallback | None = None
        self._is_stopped = False
        try:
            self._native = NativeGrpcFront(
                address,
                [(method, False) for method in methods],
                call_details=True,
                max_concurrent_streams=options.max_concurrent_streams,
                max_metadata_size=options.max_metadata_bytes,
                reuse_port=options.reuse_port,
                io_threads=_IO_THREADS,
            )
        except OSError as error:
            raise cannot_listen(address) from error

    @property
    def port(self) -> int:
        """The bound port."""
        return self._native.bound_port

    @property
    def in_flight(self) -> int:
        """How many calls wait for their answer."""
        return len(self._in_flight)

    def start(self, sink: Sink) -> None:
        """Begin to accept calls."""
        if self._services:
            self._fallback = _Fallback(self._services)
            self._native.set_fallback(self._fallback.path)
        self._native.start()
        self._receiver = threading.Thread(target=self._receive, args=(sink,), name="front-native", daemon=True)
        self._receiver.start()

    def stop(self, grace_s: float) -> None:
        """Drain, then end the receiver, the connections and the server behind."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self._in_flight.drain(grace_s)
        if self._receiver is not None:
            time.sleep(_FLUSH_S)
        self._native.close()
        if self._receiver is not None:
            self._receiver.join()
        if self._fallback is not None:
            self._fallback.close()

    def _receive(self, sink: Sink) -> None:
        """Loop until the native front is closed."""
        while (events := self._native.recv_batch_details(_BATCH)) is not None:
            calls = []
            for kind, call_id, method_id, payload, _, details in events:
                if kind == EVENT_CANCEL or payload is None or details is None:
                    self._in_flight.cancel(call_id)
                    continue
                metadata, _, remaining_s = details
                call = PendingCall(
                    self._in_flight,
                    call_id,
                    self._methods[method_id],
                    payload,
                    metadata,
                    remaining_s,
                    functools.partial(self._send, call_id),
                )
                refusal = self._too_large(payload) or self._in_flight.admit(call)
                if refusal is None:
                    calls.append(call)
                else:
                    call.send(refusal)
            if calls:
                hand_over(sink, calls)

    def _too_large(self, payload: bytes) -> Status | None:
        """Refuse in grpcio's words what is over the limit; the native front itself takes any size."""
        size, limit = len(payload), self._max_message_bytes
        if size <= limit:
            return None
        return Status(
            grpc.StatusCode.RESOURCE_EXHAUSTED, f"SERVER: Received message larger than max ({size} vs. {limit})"
        )

    def _send(self, call_id: int, answer: Answer) -> bool:
        if isinstance(answer, bytes):
            return self._native.respond(call_id, answer)
        return self._native.fail(call_id, answer.number, answer.message, answer.trailing)


class _Fallback:
    """The grpcio server behind the native one, for the services beside our methods."""

    def __init__(self, services: Sequence[AddService]) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="shortlist-")
        self.path = f"{self._directory.name}/fallback.sock"
        try:
            self._front = GrpcioFront(f"unix:{self.path}", (), services=services)
            self._front.start(lambda _: None)  # no method is ours, so none comes
        except BaseException:
            self._directory.cleanup()
            raise

    def close(self) -> None:
        self._front.stop(0)
        self._directory.cleanup()
