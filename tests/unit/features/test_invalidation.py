"""What listens for invalidations, over a connection that plays what it is given."""

from collections.abc import Sequence
from typing import Any

import pytest
import redis

from shortlist.features.invalidation import PING_S, PONG_S, Invalidations
from shortlist.features.keys import user_key

SUBSCRIBED = [7, b"OK", [b"subscribe", b"__redis__:invalidate", 1]]
PONG = [b"pong", b""]
SILENCE = redis.TimeoutError("nothing came")
GONE = redis.ConnectionError("gone")


def changed(*users: str) -> list[Any]:
    """Compose a push."""
    return [b"message", b"__redis__:invalidate", [user_key(user).encode() for user in users] or None]


class Played:
    """A pool and its connection, whose answers are played in order, each half a second after the one before."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.sent: list[tuple[object, ...]] = []
        self.made = self.disconnects = 0
        self.now = 100.0

    def make_connection(self) -> "Played":
        """Be one's own connection."""
        self.made += 1
        return self

    def send_command(self, *command: object) -> None:
        """Remember what is asked."""
        self.sent.append(command)

    def read_response(self, **_: object) -> Any:
        """Play the next answer; an error is raised."""
        self.now += 0.5
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def disconnect(self) -> None:
        """Count."""
        self.disconnects += 1


class Told:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def tracked(self, at: float) -> None:
        self.told.append(("tracked", at))

    def heard(self, at: float) -> None:
        self.told.append(("heard", at))

    def lost(self) -> None:
        self.told.append("lost")

    def changed(self, user_ids: Sequence[str]) -> None:
        self.told.append(list(user_ids))

    def all_changed(self) -> None:
        self.told.append("all")


def listened(played: Played, error: type[redis.RedisError] = redis.ConnectionError) -> list[object]:
    """Listen until the connection is lost."""
    told = Told()
    with pytest.raises(error):
        Invalidations(played, told, lambda: None, lambda: played.now).listen()
    return told.told


def test_one_connection_is_tracked_and_subscribed() -> None:
    played = Played(*SUBSCRIBED, GONE)
    # Subscribed when the clock stood at 101.0: what changes from then on is told.
    assert listened(played) == [("tracked", 101.0), "lost"]
    assert played.sent[:3] == [
        ("CLIENT", "ID"),
        ("CLIENT", "TRACKING", "ON", "REDIRECT", 7, "BCAST", "PREFIX", "u:"),
        ("SUBSCRIBE", "__redis__:invalidate"),
    ]
    assert played.disconnects == 1


def test_users_whose_keys_are_pushed_are_told_and_a_null_push_means_all() -> None:
    played = Played(*SUBSCRIBED, changed("ann", "bob:{x}"), PONG, changed(), changed("ü"), GONE)
    told = [entry for entry in listened(played) if not isinstance(entry, tuple)]
    assert told == [["ann", "bob:{x}"], "all", ["ü"], "lost"]


def test_a_key_that_is_no_row_s_is_no_trouble() -> None:
    odd = [b"message", b"__redis__:invalidate", [b"u:", b"u:{00}:\xff"]]
    assert listened(Played(*SUBSCRIBED, odd, GONE))[1:-1] == [["", "\ufffd"]]


def test_a_pong_says_that_all_was_told_up_to_its_ping() -> None:
    played = Played(*SUBSCRIBED, PONG, SILENCE, PONG, GONE)
    assert listened(played)[1:-1] == [("heard", 101.5), ("heard", 101.5 + PING_S)]


def test_a_ping_without_an_answer_is_a_lost_connection_though_pushes_come() -> None:
    pushes = [changed("ann")] * (int(PONG_S / 0.5) + 1)
    told = listened(Played(*SUBSCRIBED, *pushes), redis.TimeoutError)
    assert told[-1] == "lost"
    assert not [entry for entry in told if isinstance(entry, tuple) and entry[0] == "heard"]


@pytest.mark.parametrize("known", range(3))
def test_nothing_is_tracked_before_redis_has_agreed_to_all(known: int) -> None:
    refused = redis.exceptions.NoPermissionError("NOPERM")
    assert listened(Played(*SUBSCRIBED[:known], refused), redis.RedisError) == ["lost"]


def test_a_lost_connection_is_counted_and_opened_again_until_the_listener_is_stopped() -> None:
    told, losses = Told(), []
    played = Played(*SUBSCRIBED, GONE, GONE, *SUBSCRIBED, changed("ann"), RuntimeError("a defect"), GONE)

    def lose() -> None:
        losses.append(played.now)
        if len(losses) == 4:
            listener._stopped.set()

    listener = Invalidations(played, told, lose, lambda: played.now)
    listener.start()
    listener._thread.join(30.0)
    listener.stop()
    assert len(losses) == 4
    assert [entry for entry in told.told if not isinstance(entry, tuple)] == ["lost", "lost", ["ann"], "lost", "lost"]
    assert played.made == 1
