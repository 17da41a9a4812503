import threading
from collections.abc import Sequence

import pytest
import redis

from shortlist.features.redis_line import Command, Line, Lines


class Played:
    """A connection whose answers are played in order; an error is raised."""

    def __init__(self, *answers: bytes | list[bytes | None] | redis.RedisError) -> None:
        self._answers = list(answers)
        self.disconnects = 0
        self.sent: list[Sequence[Command]] = []

    is_connected = True

    def connect(self) -> None:
        """Be connected already."""

    def send_command(self, *_: str) -> None:
        """Send nothing."""

    def pack_commands(self, commands: Sequence[Command]) -> Sequence[Command]:
        """Pack nothing."""
        return commands

    def send_packed_command(self, commands: Sequence[Command]) -> None:
        """Remember what was sent together."""
        self.sent.append(commands)

    def read_response(self) -> bytes | list[bytes | None]:
        """Play the next answer."""
        answer = self._answers.pop(0)
        if isinstance(answer, redis.RedisError):
            raise answer
        return answer

    def disconnect(self) -> None:
        """Count."""
        self.disconnects += 1

    def make_connection(self) -> "Played":
        """Be a pool of one's own kind."""
        return Played([])


GONE = redis.ConnectionError("closed by the server")


def test_a_connection_that_was_closed_since_its_last_answer_is_opened_again() -> None:
    played = Played([b"1"], GONE, [b"2"])
    line = Line(played, 1.0)
    assert line.mget(["a"]) == [b"1"]
    assert line.mget(["a"]) == [b"2"]
    assert played.disconnects == 1


def test_a_server_that_stays_away_is_asked_twice_and_then_once_a_call() -> None:
    played = Played([b"1"], GONE, GONE, GONE, [b"2"])
    line = Line(played, 1.0)
    line.mget(["a"])
    with pytest.raises(redis.ConnectionError):
        line.mget(["a"])
    with pytest.raises(redis.ConnectionError):
        line.mget(["a"])
    assert line.mget(["a"]) == [b"2"]


def test_a_slow_answer_is_not_asked_for_again_and_never_read_by_the_next_call() -> None:
    played = Played([b"1"], redis.TimeoutError("slow"), [b"2"])
    line = Line(played, 1.0)
    line.mget(["a"])
    with pytest.raises(redis.TimeoutError):
        line.mget(["a"])
    assert played.disconnects == 1
    assert line.mget(["b"]) == [b"2"]


def test_each_thread_has_a_line_of_its_own() -> None:
    lines = Lines(Played(), 1.0)
    mine, theirs = lines.line(), []
    thread = threading.Thread(target=lambda: theirs.append(lines.line()))
    thread.start()
    thread.join()
    assert lines.line() is mine
    assert theirs != [mine]


def test_several_commands_take_one_trip_and_an_answer_may_be_an_error() -> None:
    refusal = redis.ResponseError("no")
    played = Played(b"1", refusal, b"3")
    line, commands = Line(played, 1.0), [("GET", name) for name in "abc"]
    assert line.ask(commands) == [b"1", refusal, b"3"]
    assert played.sent == [commands]
    assert played.disconnects == 0


def test_commands_on_a_connection_that_was_closed_are_all_sent_again() -> None:
    played = Played(b"0", b"1", GONE, b"1", b"2")
    line, commands = Line(played, 1.0), [("GET", "a"), ("GET", "b")]
    line.ask([("PING",)])
    assert line.ask(commands) == [b"1", b"2"]
    assert played.sent[1:] == [commands, commands]
