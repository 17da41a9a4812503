"""A server of gRPC over HTTP/2 that does to each call what its test says, byte by byte where it must."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from loadtest.generator import frames
from loadtest.generator.hpack import literal

from shortlist.v1 import recommender_pb2

SLATE = recommender_pb2.RecommendResponse(
    items=[recommender_pb2.RecommendedItem(item_id=f"item-{rank}", score=0.5, rank=rank) for rank in range(1, 21)],
    release="scripted",
)
_PREFACE_BYTES = 24
_OK = b"\x88"  # :status 200 in the static table


def answer(stream: int, message: bytes = SLATE.SerializeToString(), status: str = "0") -> bytes:
    """Write the frames of an answer; without a message where the status is not 0."""
    trailers = frames.frame(
        frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, stream, literal("grpc-status", status)
    )
    headers = frames.frame(frames.HEADERS, frames.END_HEADERS, stream, _OK)
    body = frames.frame(frames.DATA, 0, stream, frames.grpc_message(message)) if status == "0" else b""
    return headers + body + trailers


def goaway(last: int) -> bytes:
    """Write a GOAWAY that lets calls up to this stream end."""
    return frames.frame(frames.GOAWAY, 0, 0, struct.pack(">II", last, 0))


def reset(stream: int, code: int) -> bytes:
    """Write a RST_STREAM."""
    return frames.frame(frames.RST_STREAM, 0, stream, struct.pack(">I", code))


class Peer:
    """A connection as the server sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._reader = frames.Reader()
        self.seen: list[frames.Frame] = []
        """All frames but DATA and HEADERS that came."""

    def calls(self) -> Iterator[int]:
        """Give the streams of calls as they become whole, until the client closes."""
        preface = self.socket.recv(_PREFACE_BYTES, socket.MSG_WAITALL)
        if len(preface) < _PREFACE_BYTES:
            return
        self.socket.sendall(frames.settings({}))
        while received := self.socket.recv(65_536):
            for frame in self._reader.feed(received):
                if frame.kind not in {frames.DATA, frames.HEADERS}:
                    self.seen.append(frame)
                elif frame.flags & frames.END_STREAM:
                    yield frame.stream


Script = Callable[[Peer], None]


@contextmanager
def scripted(script: Script) -> Iterator[str]:
    """Serve each connection by the script, which ends it by returning; gives the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client is gone
            script(Peer(connection))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threads.append(threading.Thread(target=serve, args=(connection,)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for connection in connections:
            with suppress(OSError):  # it has ended already
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
