"""User rows in Redis or Valkey: one MGET a batch, bounded in time, foreign errors translated."""

from collections.abc import Callable, Iterable, Sequence
from typing import Self

import redis

from shortlist.core.errors import StartError, UnavailableError
from shortlist.features.keys import user_key
from shortlist.features.redis_line import Lines
from shortlist.features.row import RowFormatError, UserRow
from shortlist.resilience.deadline import Deadline

DEPENDENCY = "redis"
_WRITE_BATCH = 500


class RedisUserStore:
    """Reads and writes user rows.

    A blocked socket cannot be given a deadline a call without a system call more, so the connection's timeout is
    fixed at `timeout_s`; a call whose deadline is nearer than that is bounded by the batch that it belongs to.

    Args:
        client: A client that decodes nothing; its pool is at least as large as the number of batch workers.
        on_bad_row: Called for every row that cannot be decoded.
    """

    def __init__(self, client: redis.Redis, on_bad_row: Callable[[], None] = lambda: None) -> None:
        self._client = client
        self._lines = Lines(client.connection_pool)
        self._on_bad_row = on_bad_row

    @classmethod
    def connect(cls, url: str, timeout_s: float, connections: int, on_bad_row: Callable[[], None]) -> Self:
        """Make a client without connecting yet: a Redis that is down at the start is a degraded start, not a crash.

        Raises:
            StartError: the URL is none.
        """
        try:
            client = redis.Redis.from_url(
                url,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                max_connections=connections,
                decode_responses=False,
                retry=None,
                health_check_interval=0,
            )
        except ValueError as error:  # the URL itself may hold a password, and is not repeated
            raise StartError(f"the online store's URL is wrong: {error}") from error
        return cls(client, on_bad_row)

    def read(self, user_ids: Sequence[str], deadline: Deadline) -> list[UserRow | None]:
        """Read the rows of a batch; see the port."""
        if deadline.has_passed():
            raise UnavailableError(DEPENDENCY, "no time left to read user rows")
        try:
            values = self._lines.line().mget([user_key(user_id) for user_id in user_ids])
        except redis.RedisError as error:
            raise UnavailableError(DEPENDENCY, str(error)) from error
        return [None if value is None else self._decoded(value) for value in values]

    def _decoded(self, value: bytes) -> UserRow | None:
        try:
            return UserRow.decode(value)
        except RowFormatError:
            self._on_bad_row()
            return None

    def write(self, rows: Iterable[tuple[str, UserRow]]) -> int:
        """Replace the rows of users, 500 a round trip; return how many.

        Raises:
            UnavailableError: Redis refused or did not answer; some rows may be written.
        """
        written = 0
        batch: dict[str, bytes] = {}
        try:
            for user_id, row in rows:
                batch[user_key(user_id)] = row.encode()
                if len(batch) == _WRITE_BATCH:
                    self._client.mset(batch)
                    written += len(batch)
                    batch = {}
            if batch:
                self._client.mset(batch)
        except redis.RedisError as error:
            raise UnavailableError(DEPENDENCY, str(error)) from error
        return written + len(batch)

    def ping(self) -> None:
        """Check that Redis answers."""
        try:
            self._client.ping()
        except redis.RedisError as error:
            raise UnavailableError(DEPENDENCY, str(error)) from error

    def close(self) -> None:
        """Close every connection."""
        self._lines.close()
        self._client.close()
