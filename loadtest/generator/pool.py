"""Connections to one server, kept at their number; calls that find no room wait in order."""

import selectors
from collections import deque
from collections.abc import Callable, Sequence

from loadtest.generator.connection import Connection, Finished

_RECONNECT_AFTER_S = 0.1


class Pool:
    """Spreads calls over connections in turn.

    Args:
        connect: Opens a connection, without waiting for it.
        size: How many.
        payloads: The bytes of each call.
        selector: Watches the sockets; the pool is the entries' data.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        size: int,
        payloads: Sequence[bytes],
        selector: selectors.BaseSelector,
    ) -> None:
        self._connect, self._payloads, self._selector = connect, payloads, selector
        self._free: deque[Connection] = deque()
        self._listed: set[Connection] = set()  # those in `_free`
        self._open: set[Connection] = set()
        self._unflushed: set[Connection] = set()
        self._reopen_at_s: deque[float] = deque()
        self.waiting: deque[int] = deque()
        self.opened = 0
        for _ in range(size):
            self._add()

    def _add(self) -> None:
        connection = self._connect()
        self._selector.register(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, (self, connection))
        self._open.add(connection)
        self.opened += 1
        self._list(connection)

    def _list(self, connection: Connection) -> None:
        if connection not in self._listed and connection.room > 0:
            self._listed.add(connection)
            self._free.append(connection)

    def submit(self, call: int) -> None:
        """Send a call, or let it wait."""
        self.waiting.append(call)

    def send(self) -> list[int]:
        """Send what waits and finds room; give the calls that were sent. `flush` hands them to the sockets."""
        sent = []
        while self.waiting and self._free:
            connection = self._free.popleft()
            self._listed.discard(connection)
            if not connection.is_open or connection.room <= 0:
                continue
            call = self.waiting.popleft()
            connection.send(call, self._payloads[call])
            sent.append(call)
            self._unflushed.add(connection)
            self._list(connection)
        return sent

    def flush(self) -> None:
        """Hand outgoing bytes to the sockets, and watch for room those that are full."""
        for connection in self._unflushed:
            if connection.is_open:
                self._flush(connection)
        self._unflushed.clear()

    def _flush(self, connection: Connection) -> None:
        has_more = connection.flush()
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if has_more else 0)
        if self._selector.get_key(connection.socket).events != events:
            self._selector.modify(connection.socket, events, (self, connection))

    def ready(self, connection: Connection, events: int, now_s: float) -> list[Finished]:
        """Read and write where a socket is ready; give the calls that ended."""
        finished: list[Finished] = []
        if events & selectors.EVENT_READ:
            socket = connection.socket
            finished = connection.receive()
            if not connection.is_open:
                self._selector.unregister(socket)
                self._open.discard(connection)
                self._reopen_at_s.append(now_s + _RECONNECT_AFTER_S)
                return finished
        self._unflushed.add(connection)
        self._list(connection)
        return finished

    def reopen(self, now_s: float) -> None:
        """Open a connection for each that was lost a tenth of a second ago."""
        while self._reopen_at_s and self._reopen_at_s[0] <= now_s:
            self._reopen_at_s.popleft()
            self._add()

    @property
    def is_whole(self) -> bool:
        """Whether no connection is missing."""
        return not self._reopen_at_s

    def close(self) -> None:
        """Close all connections."""
        for connection in self._open:
            self._selector.unregister(connection.socket)
            connection.close()
