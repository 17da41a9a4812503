from collections.abc import Sequence

import pytest
import redis

from shortlist.core.errors import UnavailableError
from shortlist.features.event_store import FUNCTION, RedisEventStore
from shortlist.features.events import Recorded, UserEvent
from shortlist.features.keys import aside_key, event_ids_key, shard_of, stream_key, user_key
from shortlist.features.redis_line import Command
from shortlist.resilience.breaker import FAILURES_TO_OPEN
from support.user_events import user_event

STREAM_LENGTH = 500


class FakeRedis:
    """Knows which events came by their ids, says so as the function does, and fails as it is told."""

    def __init__(self) -> None:
        self.trips: list[Sequence[Command]] = []
        self.knows_function = True
        self.foreign: set[str] = set()
        self.full: set[str] = set()
        self.error: redis.RedisError | None = None
        self.refuses_functions = False
        self.known: list[str | bytes | int] = []
        """How many ids each command wants to be kept."""
        self._ids: set[bytes] = set()

    is_connected = True

    def make_connection(self) -> "FakeRedis":
        """Be the connection as well."""
        return self

    def connect(self) -> None:
        """Be connected already."""

    def disconnect(self) -> None:
        """Do nothing."""

    def pack_commands(self, commands: Sequence[Command]) -> Sequence[Command]:
        """Pack nothing."""
        return commands

    def send_packed_command(self, commands: Sequence[Command]) -> None:
        """Take commands."""
        self.trips.append(commands)
        if self.error is not None:
            raise self.error
        self._answers = [self._answer(*command) for command in commands]

    def read_response(self) -> bytes:
        """Give the next answer."""
        answer = self._answers.pop(0)
        if isinstance(answer, redis.RedisError):
            raise answer
        return answer

    def _answer(self, name: str | bytes | int, *arguments: str | bytes | int) -> bytes | redis.RedisError:
        if name == "FUNCTION":
            if self.refuses_functions:
                return redis.exceptions.NoPermissionError("this user has no permissions")
            self.knows_function = True
            return b"loaded"
        if not self.knows_function:
            return redis.ResponseError("Function not found")
        function, keys, row, ids, stream, aside, length, known, *told = arguments
        assert (function, keys, length) == (FUNCTION, 4, STREAM_LENGTH)
        self.known.append(known)
        user_id = str(row).partition(":")[2].partition(":")[2]
        assert (row, ids, aside) == (user_key(user_id), event_ids_key(user_id), aside_key(user_id))
        assert stream == stream_key(shard_of(user_id))
        if user_id in self.full:
            return redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'")
        packed = [part[:8] for part in told[::2] if isinstance(part, bytes)]
        outcomes = b"".join(b"1" if event in self._ids else b"0" for event in packed)
        self._ids.update(packed)
        return (b"1" if user_id in self.foreign else b"0") + (7).to_bytes(8, "little") + outcomes


class Recording:
    """A store over the fake."""

    def __init__(self) -> None:
        self.redis = FakeRedis()
        self.bad_rows = 0
        self.store = RedisEventStore(self.redis, 1.0, STREAM_LENGTH, on_bad_row=self._count)

    def _count(self) -> None:
        self.bad_rows += 1

    def record(self, *events: UserEvent) -> list[Recorded | UnavailableError]:
        """Record."""
        return self.store.record(events)

    def failures(self, *events: UserEvent) -> list[str]:
        """Record, and tell why each event was not."""
        return [str(outcome) for outcome in self.record(*events) if isinstance(outcome, UnavailableError)]


@pytest.fixture
def recording() -> Recording:
    """Make a store."""
    return Recording()


NEW, OLD = Recorded(7, is_duplicate=False), Recorded(7, is_duplicate=True)


def test_the_events_of_all_users_take_one_round_trip_and_one_command_a_user(recording: Recording) -> None:
    events = [user_event(name, user_id=user) for name, user in (("a", "ann"), ("b", "bo"), ("c", "ann"))]
    assert recording.record(*events) == [NEW] * 3
    (commands,) = recording.redis.trips
    assert [len(command) for command in commands] == [9 + 4, 9 + 2]
    assert commands[0][-4:] == (events[0].packed(), b"a", events[2].packed(), b"c")


@pytest.mark.parametrize(("count", "commands", "known"), [(1, 1, 128), (32, 1, 128), (33, 2, 128), (1000, 32, 1000)])
def test_many_events_of_a_user_are_several_commands_that_keep_all_of_their_ids(
    recording: Recording, count: int, commands: int, known: int
) -> None:
    assert recording.record(*(user_event(f"{number}") for number in range(count))) == [NEW] * count
    assert [len(trip) for trip in recording.redis.trips] == [commands]
    assert recording.redis.known == [known] * commands


def test_outcomes_come_back_in_the_order_of_the_events(recording: Recording) -> None:
    recording.record(user_event("b", user_id="bo"))
    recording.redis.full = {"cy"}
    ann, bo, cy, again = recording.record(
        user_event("a"), user_event("b", user_id="bo"), user_event("c", user_id="cy"), user_event("a2")
    )
    assert (ann, bo, again) == (NEW, OLD, NEW)
    assert isinstance(cy, UnavailableError)


def test_a_function_that_redis_does_not_know_is_loaded_once(recording: Recording) -> None:
    recording.redis.knows_function = False
    assert recording.record(user_event("a"), user_event("b", user_id="bo")) == [NEW] * 2
    assert [len(commands) for commands in recording.redis.trips] == [2, 3]
    recording.record(user_event("c"))
    assert len(recording.redis.trips) == 3


def test_the_library_is_named_after_its_source_and_leaves_no_name_open(recording: Recording) -> None:
    recording.redis.knows_function = False
    recording.record(user_event("a"))
    source = str(recording.redis.trips[1][0][-1])
    assert source.startswith(f"#!lua name={FUNCTION}\n")
    assert f'register_function("{FUNCTION}"' in source
    assert "LIBRARY" not in source


def test_a_user_who_may_load_no_function_is_told_so(recording: Recording) -> None:
    recording.redis.knows_function, recording.redis.refuses_functions = False, True
    assert recording.failures(user_event("a"), user_event("b")) == ["redis: this user has no permissions"] * 2


def test_one_user_s_refusal_does_not_touch_the_others(recording: Recording) -> None:
    recording.redis.full = {"bo"}
    outcomes = recording.record(user_event("a"), user_event("b", user_id="bo"))
    assert outcomes[0] == NEW
    assert "maxmemory" in str(outcomes[1])


def test_a_row_that_was_none_is_counted(recording: Recording) -> None:
    recording.redis.foreign = {"ann"}
    recording.record(user_event("a"), user_event("b"), user_event("c", user_id="bo"))
    assert recording.bad_rows == 1


@pytest.mark.parametrize("error", [redis.ConnectionError("refused"), redis.TimeoutError("slow")])
def test_a_redis_that_does_not_answer_records_nothing_and_is_left_alone(
    recording: Recording, error: redis.RedisError
) -> None:
    recording.redis.error = error
    for number in range(FAILURES_TO_OPEN + 2):
        assert len(recording.failures(user_event(f"{number}"), user_event(f"{number}", user_id="bo"))) == 2
    assert len(recording.redis.trips) == FAILURES_TO_OPEN


def test_a_redis_that_refuses_is_asked_again_every_time(recording: Recording) -> None:
    recording.redis.full = {"ann"}
    for number in range(FAILURES_TO_OPEN + 2):
        assert recording.failures(user_event(f"{number}"))
    assert len(recording.redis.trips) == FAILURES_TO_OPEN + 2
