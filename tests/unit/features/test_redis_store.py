from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest
import redis
from redis.exceptions import NoPermissionError

from shortlist.core.errors import StartError, UnavailableError
from shortlist.features.config import FeatureSettings
from shortlist.features.keys import user_key
from shortlist.features.redis_store import RedisUserStore
from shortlist.features.row import UserRow
from shortlist.resilience.breaker import FAILURES_TO_OPEN, Breaker, BreakerState
from shortlist.resilience.deadline import NEVER, Deadline

WHENEVER = Deadline(NEVER)


class FakeRedis:
    """Holds values; counts round trips; fails with `error` once it is set."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.round_trips = 0
        self.error: redis.RedisError | None = None

    @property
    def connection_pool(self) -> "FakeRedis":
        """Be the pool as well."""
        return self

    def make_connection(self) -> "FakeConnection":
        """Open a connection."""
        return FakeConnection(self)

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """Read values."""
        self._travel()
        return [self.values.get(key) for key in keys]

    @contextmanager
    def pipeline(self, *, transaction: bool) -> Iterator["FakePipeline"]:
        """Collect writes."""
        assert not transaction
        yield FakePipeline(self)

    def write(self, values: Sequence[tuple[str, bytes, bool]]) -> list[bool | None]:
        """Write values; those that are only to be added keep what is there."""
        self._travel()
        kept = [only_new and key in self.values for key, _, only_new in values]
        self.values.update((key, value) for (key, value, _), is_kept in zip(values, kept, strict=True) if not is_kept)
        return [None if is_kept else True for is_kept in kept]

    def exists(self, _key: str) -> int:
        """Answer."""
        self._travel()
        return 0

    def close(self) -> None:
        """Do nothing."""

    def _travel(self) -> None:
        self.round_trips += 1
        if self.error is not None:
            raise self.error


class FakePipeline:
    """Writes that travel together."""

    def __init__(self, server: FakeRedis) -> None:
        self._server = server
        self._writes: list[tuple[str, bytes, bool]] = []

    def set(self, key: str, value: bytes, *, nx: bool) -> None:
        """Add a write."""
        self._writes.append((key, value, nx))

    def execute(self) -> list[bool | None]:
        """Send them."""
        return self._server.write(self._writes)


class FakeConnection:
    """A held connection to the fake."""

    def __init__(self, server: FakeRedis) -> None:
        self._server = server
        self._asked: Sequence[str] = ()

    is_connected = True

    def connect(self) -> None:
        """Be connected already."""

    def send_command(self, command: str, *keys: str) -> None:
        """Remember what is asked."""
        assert command == "MGET"
        self._asked = keys

    def read_response(self) -> list[bytes | None]:
        """Answer it."""
        return self._server.mget(self._asked)

    def disconnect(self) -> None:
        """Do nothing."""


class Stored:
    """A store over a fake Redis."""

    def __init__(self) -> None:
        self.redis = FakeRedis()
        self.bad_rows = 0
        self.breaker = Breaker()
        self.store = RedisUserStore(cast("Any", self.redis), 1.0, self.breaker, self._count)

    def _count(self) -> None:
        self.bad_rows += 1


def test_rows_come_back_in_the_order_of_the_users_in_one_round_trip() -> None:
    stored = Stored()
    stored.redis.values = {user_key("ann"): UserRow(version=1).encode(), user_key("bo"): UserRow(version=2).encode()}
    rows = stored.store.read(["bo", "nobody", "ann"], WHENEVER).rows
    assert [row.version if row else None for row in rows] == [2, None, 1]
    assert stored.redis.round_trips == 1


def test_a_row_that_cannot_be_decoded_counts_as_missing() -> None:
    stored = Stored()
    stored.redis.values = {user_key("ann"): b"garbage", user_key("bo"): UserRow().encode()[:-1]}
    assert stored.store.read(["ann", "bo"], WHENEVER).rows == [None, None]
    assert stored.bad_rows == 2


def test_redis_is_not_asked_when_no_time_is_left() -> None:
    stored = Stored()
    with pytest.raises(UnavailableError, match="no time left"):
        stored.store.read(["ann"], Deadline(0.0))
    assert stored.redis.round_trips == 0


def test_a_redis_that_keeps_failing_is_left_alone() -> None:
    stored = Stored()
    stored.redis.error = redis.TimeoutError("slow")
    for _ in range(FAILURES_TO_OPEN + 3):
        with pytest.raises(UnavailableError):
            stored.store.read(["ann"], WHENEVER)
    assert stored.redis.round_trips == FAILURES_TO_OPEN
    assert stored.breaker.state is BreakerState.OPEN


def test_a_read_without_time_says_nothing_about_redis() -> None:
    stored = Stored()
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(UnavailableError, match="no time left"):
            stored.store.read(["ann"], Deadline(0.0))
    assert stored.store.read(["ann"], WHENEVER).rows == [None]


@pytest.mark.parametrize(
    "error", [redis.ConnectionError("refused"), redis.TimeoutError("slow"), redis.ReadOnlyError("replica")]
)
def test_what_redis_raises_is_unavailable_and_named(error: redis.RedisError) -> None:
    stored = Stored()
    stored.redis.error = error
    for action in (
        lambda: stored.store.read(["ann"], WHENEVER),
        lambda: stored.store.write([("ann", UserRow())]),
        stored.store.check,
    ):
        with pytest.raises(UnavailableError) as caught:
            action()
        assert caught.value.dependency == "redis"


@pytest.mark.parametrize(("rows", "round_trips"), [(0, 0), (1, 1), (500, 1), (501, 2)])
def test_rows_are_written_five_hundred_a_round_trip(rows: int, round_trips: int) -> None:
    stored = Stored()
    assert stored.store.write((str(number), UserRow()) for number in range(rows)) == rows
    assert len(stored.redis.values) == rows
    assert stored.redis.round_trips == round_trips


def test_a_user_who_has_a_row_keeps_it_when_others_are_added() -> None:
    stored = Stored()
    newest = UserRow(version=7)
    stored.store.write([("ann", newest)])
    assert stored.store.add([("ann", UserRow()), ("bob", UserRow())]) == 1
    ann, bob = stored.store.read(["ann", "bob"], WHENEVER).rows
    assert ann is not None
    assert bob is not None
    assert (ann.version, bob.version) == (7, UserRow().version)


@pytest.mark.parametrize("refusal", [redis.AuthenticationError("WRONGPASS"), NoPermissionError("NOPERM")])
def test_a_user_that_is_refused_is_no_outage_to_wait_for(refusal: redis.RedisError) -> None:
    stored = Stored()
    stored.redis.error = refusal
    with pytest.raises(StartError, match="SHORTLIST_FEATURES_REDIS_PASSWORD_FILE"):
        stored.store.check()


def test_connecting_does_not_need_a_redis() -> None:
    store = RedisUserStore.connect(FeatureSettings(redis_url="redis://127.0.0.1:1/0"), 2)
    with pytest.raises(UnavailableError):
        store.check()
    store.close()
