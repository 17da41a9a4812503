"""User rows in Redis or Valkey: one MGET a batch, bounded in time, foreign errors translated."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Self

import redis
from redis.exceptions import NoPermissionError

from shortlist.core.errors import StartError, UnavailableError
from shortlist.features.config import FeatureSettings
from shortlist.features.keys import user_key
from shortlist.features.port import UserRows
from shortlist.features.redis_line import Lines, open_pool
from shortlist.features.row import RowFormatError, UserRow
from shortlist.resilience.breaker import Breaker
from shortlist.resilience.deadline import Deadline

DEPENDENCY = "redis"
_WRITE_BATCH = 500


class RedisUserStore:
    """Reads and writes user rows.

    A blocked socket cannot be given a deadline a call without a system call more, so the connection's timeout is
    fixed at `timeout_s`; a call whose deadline is nearer than that is bounded by the batch that it belongs to.

    Args:
        client: A client that decodes nothing; its pool is at least as large as the number of batch workers.
        timeout_s: The longest wait for a connection to open, in seconds.
        breaker: Keeps a Redis that hangs from costing every read the timeout.
        on_bad_row: Called for every row that cannot be decoded.
    """

    def __init__(
        self,
        client: redis.Redis,
        timeout_s: float,
        breaker: Breaker | None = None,
        on_bad_row: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._lines = Lines(client.connection_pool, timeout_s)
        self._breaker = breaker or Breaker()
        self._on_bad_row = on_bad_row

    @classmethod
    def connect(
        cls,
        settings: FeatureSettings,
        connections: int,
        breaker: Breaker | None = None,
        on_bad_row: Callable[[], None] = lambda: None,
    ) -> Self:
        """Make a client without connecting yet: a Redis that is down at the start is a degraded start, not a crash.

        Args:
            settings: Where it is, and the longest wait for it.
            connections: The most at a time.
            breaker: Of the reads; None: one of its own.
            on_bad_row: Called for every row that cannot be decoded.

        Raises:
            StartError: the URL is none, or the password cannot be read.
        """
        client = redis.Redis.from_pool(open_pool(settings, connections))
        return cls(client, settings.timeout_s, breaker, on_bad_row)

    def read(
        self,
        user_ids: Sequence[str],
        deadline: Deadline,
        min_versions: Sequence[int] = (),  # noqa: ARG002  # the port's: what is read now is as new as can be
    ) -> UserRows:
        """Read the rows of a batch; see the port. Nothing is held: it reads all rows or raises."""
        if deadline.has_passed():
            raise UnavailableError(DEPENDENCY, "no time left to read user rows")
        if not self._breaker.allows():
            raise UnavailableError(DEPENDENCY, "failed too often; it is asked again in a moment")
        try:
            values = self._lines.line().mget([user_key(user_id) for user_id in user_ids])
        except redis.RedisError as error:
            # The wait is bounded by a timeout of its own: a failure is never the callers' hurry.
            self._breaker.failed()
            raise UnavailableError(DEPENDENCY, str(error)) from error
        self._breaker.succeeded()
        return UserRows([None if value is None else self._decoded(value) for value in values])

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
        return sum(self._write(batch, only_new=False) for batch in _batches(rows))

    def add(self, rows: Iterable[tuple[str, UserRow]]) -> int:
        """Write the rows of users who have none, 500 a round trip; return how many these were.

        Raises:
            UnavailableError: Redis refused or did not answer; some rows may be written.
        """
        return sum(self._write(batch, only_new=True) for batch in _batches(rows))

    def _write(self, batch: Sequence[tuple[str, UserRow]], *, only_new: bool) -> int:
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for user_id, row in batch:
                    pipeline.set(user_key(user_id), row.encode(), nx=only_new)
                return sum(was_set is not None for was_set in pipeline.execute())
        except redis.RedisError as error:
            raise UnavailableError(DEPENDENCY, str(error)) from error

    def check(self) -> None:
        """Check that Redis answers, and lets this user read rows.

        Raises:
            UnavailableError: it does not answer.
            StartError: it does, and refuses the user or the password; waiting would not help.
        """
        try:
            self._client.exists(user_key(""))
        except (redis.AuthenticationError, NoPermissionError) as error:
            raise StartError(
                f"the online store refuses this user: {error}; see SHORTLIST_FEATURES_REDIS_URL and "
                "SHORTLIST_FEATURES_REDIS_PASSWORD_FILE"
            ) from error
        except redis.RedisError as error:
            raise UnavailableError(DEPENDENCY, str(error)) from error

    def close(self) -> None:
        """Close every connection."""
        self._lines.close()
        self._client.close()


def _batches(rows: Iterable[tuple[str, UserRow]]) -> Iterator[list[tuple[str, UserRow]]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _WRITE_BATCH)):
        yield batch
