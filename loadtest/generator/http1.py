"""HTTP/1.1 with keep-alive: one call at a time on a connection."""

import json
from collections.abc import Iterable, Iterator

from loadtest.generator.connection import Connection, Finished, ProtocolError
from loadtest.generator.messages import EMPTY, LIMIT, OK

_MOST_HEADER_BYTES = 65_536


def recommend_post(path: str, host: str, user_id: str, limit: int = LIMIT) -> bytes:
    """Write a whole POST with the same request as JSON."""
    body = json.dumps({"user_id": user_id, "limit": limit}).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Http1Connection(Connection):
    """A connection whose calls are whole requests from `recommend_post`."""

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address)
        self._call: int | None = None
        self._received = b""

    @property
    def room(self) -> int:
        """One call, or none while another waits."""
        return int(self._call is None)

    @property
    def calls(self) -> Iterable[int]:
        """The call that waits."""
        return () if self._call is None else (self._call,)

    def send(self, call: int, payload: bytes) -> None:
        """Write a request."""
        self._call = call
        self._outgoing += payload

    def _forget(self) -> None:
        self._call = None

    def _take(self, received: bytes) -> Iterator[Finished]:
        self._received += received
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if not separator:
            if len(head) > _MOST_HEADER_BYTES:
                raise ProtocolError("headers without an end")
            return
        first, *lines = head.split(b"\r\n")
        headers = {
            name.strip().lower(): value.strip().lower() for name, _, value in (line.partition(b":") for line in lines)
        }
        body = _body(headers, rest)
        if body is None:
            return
        self._received = b""
        outcome = _outcome(
            first, body
        )  # before the call is let go: where this is no answer, it ends with the connection
        call, self._call = self._call, None
        if call is None:
            raise ProtocolError("an answer to nothing")
        yield call, outcome
        if headers.get(b"connection") == b"close":
            self.close()


def _body(headers: dict[bytes, bytes], rest: bytes) -> bytes | None:
    """Give an answer's body, None while it is not whole."""
    try:
        if headers.get(b"transfer-encoding") == b"chunked":
            return _joined_chunks(rest)
        length = int(headers.get(b"content-length", b"0"))
    except ValueError as error:
        raise ProtocolError("a length that is no number") from error
    return rest if len(rest) >= length else None


def _joined_chunks(rest: bytes) -> bytes | None:
    body = b""
    while True:
        line, separator, rest = rest.partition(b"\r\n")
        if not separator:
            return None
        size = int(line.partition(b";")[0], 16)
        if len(rest) < size + 2:
            return None
        if size == 0:
            return body
        body, rest = body + rest[:size], rest[size + 2 :]


def _outcome(first: bytes, body: bytes) -> str:
    _, _, rest = first.partition(b" ")
    status = rest[:3]
    if not status.isdigit():
        raise ProtocolError("an answer without a status")
    if status != b"200":
        return f"http_{status.decode()}"
    return OK if len(body.strip()) > len(b"{}") else EMPTY
