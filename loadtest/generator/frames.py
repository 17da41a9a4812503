"""HTTP/2 frames (RFC 9113): made once, and cut out of what a socket gives."""

import struct
from typing import NamedTuple

from loadtest.generator.hpack import literal

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 32
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 2, 3, 4
DEFAULT_WINDOW = 65_535
LARGEST_WINDOW = 2**31 - 1
_HEADER = struct.Struct(">HBBBI")
_SETTING = struct.Struct(">HI")


class Frame(NamedTuple):
    """A frame's type, flags, stream and payload."""

    kind: int
    flags: int
    stream: int
    payload: bytes


class Reader:
    """Cuts frames out of bytes that come in any pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> list[Frame]:
        """Give the frames that are whole by now, with their padding taken off."""
        held = self._rest + received if self._rest else received
        frames, at, end = [], 0, len(held)
        while end - at >= 9:
            high, low, kind, flags, stream = _HEADER.unpack_from(held, at)
            stop = at + 9 + (high << 8 | low)
            if stop > end:
                break
            payload = held[at + 9 : stop]
            if flags & (PADDED | PRIORITY) and kind in (DATA, HEADERS):
                payload = _unpadded(kind, flags, payload)
            frames.append(Frame(kind, flags, stream & LARGEST_WINDOW, payload))
            at = stop
        self._rest = held[at:]
        return frames


def _unpadded(kind: int, flags: int, payload: bytes) -> bytes:
    begin, end = 0, len(payload)
    if flags & PADDED:
        begin, end = 1, end - payload[0]
    if kind == HEADERS and flags & PRIORITY:
        begin += 5
    return payload[begin:end]


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Write a frame."""
    size = len(payload)
    return _HEADER.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload


def settings(values: dict[int, int]) -> bytes:
    """Write a SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(name, value) for name, value in values.items()))


def settings_of(payload: bytes) -> dict[int, int]:
    """Read a SETTINGS frame's payload; what is left of a whole entry is passed over."""
    return dict(_SETTING.iter_unpack(payload[: len(payload) // 6 * 6]))


def window_update(stream: int, size: int) -> bytes:
    """Write a WINDOW_UPDATE frame."""
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


PREFACE = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    + settings({HEADER_TABLE_SIZE: 0, ENABLE_PUSH: 0, INITIAL_WINDOW_SIZE: LARGEST_WINDOW})
    + window_update(0, LARGEST_WINDOW - DEFAULT_WINDOW)
)
"""What a connection begins with; answers find all the room there can be."""


def grpc_headers(method: str, authority: str, timeout_s: float) -> bytes:
    """Write the block of headers of every call of a method."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": method,
        ":authority": authority,
        "content-type": "application/grpc",
        "te": "trailers",
        "grpc-timeout": f"{max(1, round(timeout_s * 1e3))}m",
        "x-caller": "generator",
    }
    return b"".join(literal(name, value) for name, value in fields.items())


def grpc_message(message: bytes) -> bytes:
    """Write a message as gRPC sends it in DATA, uncompressed."""
    return struct.pack(">BI", 0, len(message)) + message
