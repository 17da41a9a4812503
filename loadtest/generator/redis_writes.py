"""Writes of user rows: SET over one pipelined connection."""

from collections import deque
from collections.abc import Iterable, Iterator

from loadtest.generator.connection import Connection, Finished, ProtocolError
from loadtest.generator.messages import OK

_MOST_IN_FLIGHT = 1_000


def set_command(key: str, value: bytes) -> bytes:
    """Write a SET as Redis reads it."""
    name = key.encode()
    return b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(name), name, len(value), value)


class RedisConnection(Connection):
    """A connection whose calls are commands from `set_command`."""

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address)
        self._waiting: deque[int] = deque()
        self._received = b""

    @property
    def room(self) -> int:
        """How many commands more may wait for their answers."""
        return _MOST_IN_FLIGHT - len(self._waiting)

    @property
    def calls(self) -> Iterable[int]:
        """The calls that wait."""
        return tuple(self._waiting)

    def send(self, call: int, payload: bytes) -> None:
        """Write a command."""
        self._waiting.append(call)
        self._outgoing += payload

    def _forget(self) -> None:
        self._waiting.clear()

    def _take(self, received: bytes) -> Iterator[Finished]:
        *lines, self._received = (self._received + received).split(b"\r\n")
        for line in lines:
            if not self._waiting:
                raise ProtocolError("an answer to nothing")
            yield self._waiting.popleft(), OK if line == b"+OK" else "redis_error"
