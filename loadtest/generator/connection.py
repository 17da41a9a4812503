"""What the generator's loop asks of a connection, and the bytes that wait on any of them."""

import errno
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

_RECEIVED_AT_ONCE = 1 << 18

Outcome = str | tuple[str, ...]
"""How a call ended; of a batch that was answered, how each of its requests did, in their order."""
Finished = tuple[int, Outcome]
"""A call's number and its outcome."""
CLOSED, RESET, REFUSED = "connection_closed", "connection_reset", "connection_refused"
PROTOCOL_ERROR = "protocol_error"


class ProtocolError(Exception):
    """The server sent what the protocol does not allow."""


class Connection(ABC):
    """A non-blocking connection; `send` makes bytes, `flush` hands them to the socket.

    Args:
        address: Host and port.
        greeting: Goes out before anything else.
    """

    def __init__(self, address: tuple[str, int], greeting: bytes = b"") -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        is_refused = self.socket.connect_ex(address) not in (0, errno.EINPROGRESS)
        self._end = REFUSED if is_refused else CLOSED  # a socket tells an error once, maybe to a write
        self._outgoing = bytearray(greeting)
        self.is_open = True

    @property
    @abstractmethod
    def room(self) -> int:
        """How many calls more it takes now."""

    @property
    @abstractmethod
    def calls(self) -> Iterable[int]:
        """The calls that wait for an answer."""

    @abstractmethod
    def send(self, call: int, payload: bytes) -> None:
        """Put a call into the outgoing bytes; there must be room."""

    @abstractmethod
    def _take(self, received: bytes) -> Iterator[Finished]:
        """Read what came; ProtocolError where it makes no sense."""

    @abstractmethod
    def _forget(self) -> None:
        """Wait for no answer any more."""

    def flush(self) -> bool:
        """Hand bytes to the socket; tell whether some are left."""
        if self._outgoing and self.is_open:
            try:
                sent = self.socket.send(self._outgoing)
            except BlockingIOError:
                return True
            except OSError as error:
                self._end = _name(error)
                return False  # the next read finds the end
            del self._outgoing[:sent]
        return bool(self._outgoing)

    def receive(self) -> list[Finished]:
        """Read once and give the calls that ended; where the connection did, all of its calls end with it."""
        finished: list[Finished] = []
        try:
            received = self.socket.recv(_RECEIVED_AT_ONCE)
            if received:
                finished.extend(self._take(received))
            else:
                finished.extend(self._lose(self._end))
        except BlockingIOError:
            pass
        except OSError as error:
            finished.extend(self._lose(_name(error)))
        except ProtocolError:
            finished.extend(self._lose(PROTOCOL_ERROR))
        return finished

    def close(self) -> None:
        """Close the socket."""
        self.is_open = False
        self.socket.close()

    def _lose(self, outcome: str) -> list[Finished]:
        lost: list[Finished] = [(call, outcome) for call in self.calls]
        self._forget()
        self.close()
        return lost


def _name(error: OSError) -> str:
    return REFUSED if isinstance(error, ConnectionRefusedError) else RESET
