import threading
from collections.abc import Sequence

from shortlist.rpc.front import Call
from shortlist.rpc.in_flight import CROWDED, INTERNAL, SHUTTING_DOWN, Answer, InFlight, PendingCall, hand_over


class Wire:
    """Where answers go, by call."""

    def __init__(self, limit: int = 10) -> None:
        self.in_flight = InFlight(limit)
        self.sent: dict[int, Answer] = {}

    def call(self, key: int) -> PendingCall:
        """Make a call that answers here."""

        def send(answer: Answer) -> bool:
            self.sent[key] = answer
            return True

        return PendingCall(self.in_flight, key, "/test.Service/Do", b"", (), None, send)


def test_the_first_answer_wins_and_nothing_is_kept() -> None:
    wire = Wire()
    call = wire.call(1)
    assert wire.in_flight.admit(call) is None
    assert call.respond(b"first")
    assert not call.respond(b"second")
    assert not call.fail(INTERNAL)
    assert wire.sent == {1: b"first"}
    assert len(wire.in_flight) == 0


def test_a_cancelled_call_is_marked_and_sends_nothing() -> None:
    wire = Wire()
    call = wire.call(1)
    wire.in_flight.admit(call)
    wire.in_flight.cancel(1)
    assert call.is_cancelled
    assert not call.respond(b"late")
    assert wire.sent == {}
    assert len(wire.in_flight) == 0


def test_cancelling_a_call_that_was_answered_leaves_it_as_it_is() -> None:
    wire = Wire()
    call = wire.call(1)
    wire.in_flight.admit(call)
    call.respond(b"in time")
    wire.in_flight.cancel(1)
    assert not call.is_cancelled


def test_the_call_over_the_limit_is_refused_until_there_is_room() -> None:
    wire = Wire(limit=1)
    first, second = wire.call(1), wire.call(2)
    assert wire.in_flight.admit(first) is None
    assert wire.in_flight.admit(second) is CROWDED
    assert CROWDED.trailing == (("retry-after-ms", "100"),)
    first.respond(b"")
    assert wire.in_flight.admit(second) is None


def test_a_drain_refuses_new_calls_and_ends_those_that_outlast_it() -> None:
    wire = Wire()
    wire.in_flight.admit(wire.call(1))
    wire.in_flight.drain(0)
    assert wire.sent == {1: SHUTTING_DOWN}
    assert wire.in_flight.admit(wire.call(2)) is SHUTTING_DOWN
    assert len(wire.in_flight) == 0


def test_a_drain_ends_with_the_last_answer() -> None:
    wire = Wire()
    calls = [wire.call(key) for key in range(3)]
    for call in calls:
        wire.in_flight.admit(call)
    draining = threading.Thread(target=wire.in_flight.drain, args=(60,))
    draining.start()
    for call in calls:
        call.respond(b"in time")
    draining.join(10)
    assert not draining.is_alive()
    assert wire.sent == dict.fromkeys(range(3), b"in time")


def test_a_sink_that_raises_ends_only_what_it_left_unanswered() -> None:
    def sink(calls: Sequence[Call]) -> None:
        calls[0].respond(b"done")
        raise RuntimeError

    wire = Wire()
    calls = [wire.call(key) for key in range(2)]
    for call in calls:
        wire.in_flight.admit(call)
    hand_over(sink, calls)
    assert wire.sent == {0: b"done", 1: INTERNAL}
