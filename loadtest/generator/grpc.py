"""gRPC calls over one HTTP/2 connection, many at a time."""

import struct
from collections.abc import Callable, Iterable, Iterator

from loadtest.generator import frames
from loadtest.generator.connection import Connection, Finished, Outcome, ProtocolError
from loadtest.generator.frames import Frame
from loadtest.generator.hpack import HpackError, fields
from loadtest.generator.messages import NO_STATUS, outcome_of_slate, status_name

_MOST_STREAMS = 1_000
"""Where the server names no limit."""
_TOPPED_UP_AT = 1 << 30
_LARGEST_MESSAGE = 1_024


class _Stream:
    """A call that waits: its number, the answer so far, and the fields of its headers and trailers."""

    __slots__ = ("body", "call", "fields")

    def __init__(self, call: int) -> None:
        self.call, self.body = call, b""
        self.fields: dict[str, str] = {}


class GrpcConnection(Connection):
    """A connection for one method.

    Args:
        address: Host and port.
        block: The headers of every call, from `frames.grpc_headers`.
        read: Tells what an answer holds, from its body.
    """

    def __init__(
        self, address: tuple[str, int], block: bytes, read: Callable[[bytes], Outcome] = outcome_of_slate
    ) -> None:
        super().__init__(address, frames.PREFACE)
        self._block, self._read = block, read
        self._reader = frames.Reader()
        self._streams: dict[int, _Stream] = {}
        self._next_stream = 1
        self._most = _MOST_STREAMS
        self._window = self._stream_window = frames.DEFAULT_WINDOW
        self._received_bytes = 0
        self._unfinished: Frame | None = None  # headers whose continuation is to come
        self._goes_away = False

    @property
    def room(self) -> int:
        """How many calls more the server's settings and window allow."""
        if self._goes_away or min(self._window, self._stream_window) < _LARGEST_MESSAGE:
            return 0
        return self._most - len(self._streams)

    @property
    def calls(self) -> Iterable[int]:
        """The calls whose streams are open."""
        return [stream.call for stream in self._streams.values()]

    def send(self, call: int, payload: bytes) -> None:
        """Open a stream with a message from `frames.grpc_message` of 1,024 bytes at most."""
        number = self._next_stream
        self._next_stream += 2
        self._streams[number] = _Stream(call)
        self._window -= len(payload)
        self._outgoing += frames.frame(frames.HEADERS, frames.END_HEADERS, number, self._block)
        self._outgoing += frames.frame(frames.DATA, frames.END_STREAM, number, payload)

    def _forget(self) -> None:
        self._streams.clear()

    def _take(self, received: bytes) -> Iterator[Finished]:
        for frame in self._reader.feed(received):
            if frame.kind in (frames.DATA, frames.HEADERS, frames.CONTINUATION):
                yield from self._take_answer(frame)
            else:
                yield from self._take_control(frame)
        if self._goes_away and not self._streams:
            self.close()

    def _take_answer(self, frame: Frame) -> Iterator[Finished]:
        if frame.kind == frames.DATA:
            self._count_received(len(frame.payload))
        elif (frame := self._joined(frame)).flags & frames.END_HEADERS == 0:
            self._unfinished = frame
            return
        stream = self._streams.get(frame.stream)
        if stream is None:
            return  # reset before
        if frame.kind == frames.DATA:
            stream.body += frame.payload
        else:
            try:
                stream.fields |= fields(frame.payload)
            except HpackError as error:
                raise ProtocolError(str(error)) from error
        if frame.flags & frames.END_STREAM:
            del self._streams[frame.stream]
            yield stream.call, _failure(stream) or self._read(stream.body)

    def _joined(self, frame: Frame) -> Frame:
        """Put a continuation behind its headers."""
        before, self._unfinished = self._unfinished, None
        if before is None:
            if frame.kind == frames.CONTINUATION:
                raise ProtocolError("a continuation of nothing")
            return frame
        if frame.kind != frames.CONTINUATION or frame.stream != before.stream:
            raise ProtocolError("headers without their continuation")
        return Frame(frames.HEADERS, before.flags | frame.flags, frame.stream, before.payload + frame.payload)

    def _count_received(self, size: int) -> None:
        self._received_bytes += size
        if self._received_bytes > _TOPPED_UP_AT:
            self._outgoing += frames.window_update(0, self._received_bytes)
            self._received_bytes = 0

    def _take_control(self, frame: Frame) -> Iterator[Finished]:
        payload = frame.payload
        if frame.kind == frames.SETTINGS and not frame.flags & frames.ACK:
            given = frames.settings_of(payload)
            self._most = min(given.get(frames.MAX_CONCURRENT_STREAMS, self._most), _MOST_STREAMS)
            self._stream_window = given.get(frames.INITIAL_WINDOW_SIZE, self._stream_window)
            self._outgoing += frames.frame(frames.SETTINGS, frames.ACK, 0, b"")
        elif frame.kind == frames.PING and not frame.flags & frames.ACK:
            self._outgoing += frames.frame(frames.PING, frames.ACK, 0, payload)
        elif frame.kind == frames.WINDOW_UPDATE and frame.stream == 0:
            self._window += _number(payload, 0)
        elif frame.kind == frames.RST_STREAM:
            stream = self._streams.pop(frame.stream, None)
            if stream is not None:
                yield stream.call, f"rst_stream_{min(_number(payload, 0), 14)}"  # RFC 9113 names 0 to 13
        elif frame.kind == frames.GOAWAY:
            self._goes_away = True
            last = _number(payload, 0)
            for number in [number for number in self._streams if number > last]:
                yield self._streams.pop(number).call, "goaway"


def _number(payload: bytes, at: int) -> int:
    try:
        number: int = struct.unpack_from(">I", payload, at)[0]
    except struct.error as error:
        raise ProtocolError("a frame that is too short") from error
    return number & frames.LARGEST_WINDOW


def _failure(stream: _Stream) -> str:
    """Name what a call failed with; nothing where it has a 200 and a grpc-status of 0."""
    http_status, status = stream.fields.get(":status"), stream.fields.get("grpc-status")
    if http_status != "200":
        return f"http_{http_status}" if http_status and http_status.isdecimal() else NO_STATUS
    if status == "0":
        return ""
    return status_name(int(status)) if status and status.isdecimal() else NO_STATUS
