"""Protobuf's wire format, as far as answers are read."""

from collections.abc import Iterator

from loadtest.generator.connection import ProtocolError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(body: bytes, at: int) -> tuple[int, int]:
    """Read a number; give it and where it ends.

    Raises:
        IndexError, ProtocolError: there is none.
    """
    byte = body[at]
    if byte < 0x80:
        return byte, at + 1
    value, shift = byte & 0x7F, 7
    while True:
        at += 1
        byte = body[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
        shift += 7
        if shift > 63:
            raise ProtocolError("a varint of more than 64 bits")


def behind(body: bytes, at: int, kind: int) -> int:
    """Tell where the value of a field ends.

    Raises:
        IndexError, ProtocolError: there is none.
    """
    if kind == BYTES:
        size, at = varint(body, at)
        return at + size
    if kind == VARINT:
        return varint(body, at)[1]
    if kind == FIXED32:
        return at + 4
    if kind == FIXED64:
        return at + 8
    raise ProtocolError("a field of a kind that there is not")


def messages(body: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Give the messages between two places, and what else has a length: field, where it begins, where it ends.

    Raises:
        IndexError, ProtocolError: they do not end at `end`.
    """
    while at < end:
        tag, at = varint(body, at)
        stop = behind(body, at, tag & 7)
        if stop > end:
            raise ProtocolError("a field that is longer than what holds it")
        if tag & 7 == BYTES:
            yield tag >> 3, varint(body, at)[1], stop
        at = stop
