"""What is asked and what an answer holds, in protobuf's wire format: read as far as the tally needs."""

from collections.abc import Iterable

from loadtest.generator.connection import Outcome, ProtocolError
from loadtest.generator.protobuf import VARINT, behind, messages, varint

LIMIT = 20
OK, DEGRADED, EMPTY, MALFORMED, NO_STATUS = "ok", "degraded", "empty", "malformed", "no_status"
_STATUSES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
_HEADER_BYTES = 5
"""Of gRPC, before a message."""
_ITEMS, _DEGRADED = 1, 3
_RESULTS, _STATUS, _RESPONSE, _CODE = 1, 1, 2, 1


def recommend_request(user_id: str, limit: int = LIMIT) -> bytes:
    """Encode a RecommendRequest of a user's name of less than 128 bytes and a limit below 128."""
    name = user_id.encode()
    return b"\x0a" + bytes((len(name),)) + name + b"\x10" + bytes((limit,))


def batch_request(user_ids: Iterable[str], limit: int = LIMIT) -> bytes:
    """Encode a RecommendBatchRequest of requests as `recommend_request` makes them."""
    requests = [recommend_request(user_id, limit) for user_id in user_ids]
    return b"".join(b"\x0a" + bytes((len(request),)) + request for request in requests)


def status_name(code: int) -> str:
    """Name gRPC's status; "no_status" where there is none of this number."""
    return _STATUSES[code] if code < len(_STATUSES) else NO_STATUS


def outcome_of_slate(body: bytes) -> str:
    """Look into gRPC's frame with a RecommendResponse: "ok", "degraded", "empty" where no items are, "malformed"."""
    try:
        return _slate(body, _HEADER_BYTES, len(body)) if _is_whole(body) else MALFORMED
    except (IndexError, ProtocolError):
        return MALFORMED


def outcomes_of_batch(body: bytes, requests: int) -> Outcome:
    """Look into gRPC's frame with a RecommendBatchResponse.

    Returns:
        Of each request its slate's outcome or its own status; "malformed" where there are not as many as requests.
    """
    if not _is_whole(body):
        return MALFORMED
    try:
        results = tuple(
            _result(body, begin, end)
            for field, begin, end in messages(body, _HEADER_BYTES, len(body))
            if field == _RESULTS
        )
    except (IndexError, ProtocolError):
        return MALFORMED
    return results if len(results) == requests else MALFORMED


def _is_whole(body: bytes) -> bool:
    """Tell whether gRPC's header is there, of one uncompressed message that ends with the body."""
    return len(body) >= _HEADER_BYTES and body[0] == 0 and int.from_bytes(body[1:5]) == len(body) - _HEADER_BYTES


def _slate(body: bytes, at: int, end: int) -> str:
    has_items = is_degraded = False
    while at < end:
        tag, at = varint(body, at)
        field, kind = tag >> 3, tag & 7
        has_items |= field == _ITEMS
        is_degraded |= field == _DEGRADED
        at = behind(body, at, kind)
    if at != end:
        return MALFORMED
    if is_degraded:
        return DEGRADED
    return OK if has_items else EMPTY


def _result(body: bytes, at: int, end: int) -> str:
    outcome = EMPTY
    for field, begin, stop in messages(body, at, end):
        if field == _STATUS and (code := _code(body, begin, stop)):
            return status_name(code)
        if field == _RESPONSE:
            outcome = _slate(body, begin, stop)
    return outcome


def _code(body: bytes, at: int, end: int) -> int:
    code = 0
    while at < end:
        tag, at = varint(body, at)
        if tag == _CODE << 3 | VARINT:
            code = varint(body, at)[0]
        at = behind(body, at, tag & 7)
    return code
