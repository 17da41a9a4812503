"""What is asked and what an answer holds, in protobuf's wire format: read as far as the tally needs."""

from loadtest.generator.connection import ProtocolError

LIMIT = 20
OK, DEGRADED, EMPTY, MALFORMED = "ok", "degraded", "empty", "malformed"
_ITEMS, _DEGRADED = 1, 3
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def recommend_request(user_id: str, limit: int = LIMIT) -> bytes:
    """Encode a RecommendRequest of a user's name of less than 128 bytes and a limit below 128."""
    name = user_id.encode()
    return b"\x0a" + bytes((len(name),)) + name + b"\x10" + bytes((limit,))


def outcome_of_slate(body: bytes) -> str:
    """Look into gRPC's frame with a RecommendResponse: "ok", "degraded", "empty" where no items are, "malformed"."""
    if len(body) < 5 or body[0] != 0 or int.from_bytes(body[1:5]) != len(body) - 5:
        return MALFORMED
    has_items = is_degraded = False
    at, end = 5, len(body)
    try:
        while at < end:
            tag, at = _varint(body, at)
            field, kind = tag >> 3, tag & 7
            has_items |= field == _ITEMS
            is_degraded |= field == _DEGRADED
            at = _behind(body, at, kind)
    except (IndexError, ProtocolError):
        return MALFORMED
    if at != end:
        return MALFORMED
    if is_degraded:
        return DEGRADED
    return OK if has_items else EMPTY


def _behind(body: bytes, at: int, kind: int) -> int:
    """Pass over a field's value."""
    if kind == _BYTES:
        size, at = _varint(body, at)
        return at + size
    if kind == _VARINT:
        return _varint(body, at)[1]
    if kind == _FIXED32:
        return at + 4
    if kind == _FIXED64:
        return at + 8
    raise ProtocolError("a field of a kind that there is not")


def _varint(body: bytes, at: int) -> tuple[int, int]:
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
