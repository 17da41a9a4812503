import logging
import threading
from collections.abc import Iterator

import pytest

from shortlist.core.errors import UnavailableError
from shortlist.resilience.recurring import FIRST_PAUSE_S, LONGEST_PAUSE_S, Recurring


class Steps:
    """Outcomes of steps, in turn."""

    def __init__(self, *outcomes: float | Exception) -> None:
        self._outcomes: Iterator[float | Exception] = iter(outcomes)
        self.failures, self.now = 0, 100.0
        self.recurring = Recurring("test", self.step, self.fail, lambda: self.now)

    def step(self) -> float:
        """Do the next."""
        outcome = next(self._outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def fail(self) -> None:
        """Count."""
        self.failures += 1


DOWN = UnavailableError("redis", "down")


def test_a_step_says_when_the_next_is_due() -> None:
    steps = Steps(0.5, 2.0)
    assert [steps.recurring.once(), steps.recurring.once()] == [0.5, 2.0]
    assert steps.failures == 0


def test_pauses_after_failures_double_up_to_a_bound_and_begin_anew_after_a_success() -> None:
    steps = Steps(*[DOWN] * 9, 0.0, DOWN)
    pauses = [steps.recurring.once() for _ in range(11)]
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert max(pauses) == pauses[8] == LONGEST_PAUSE_S
    assert pauses[9:] == [0.0, FIRST_PAUSE_S]
    assert steps.failures == 10


def test_an_outage_is_logged_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    steps = Steps(DOWN, DOWN, 0.0, 0.0)
    with caplog.at_level(logging.INFO):
        for _ in range(4):
            steps.recurring.once()
    assert [record.getMessage() for record in caplog.records] == ["redis: down; it is tried again", "it goes on"]


def test_what_nobody_expected_is_logged_with_its_trace_and_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    steps = Steps(ValueError("a bug"), 1.0)
    assert steps.recurring.once() == FIRST_PAUSE_S
    assert "a bug" in caplog.text
    assert steps.recurring.once() == 1.0


def test_it_has_succeeded_lately_or_not() -> None:
    steps = Steps(DOWN, 0.0, DOWN)
    steps.recurring.once()
    assert not steps.recurring.has_succeeded_within(30.0)
    steps.recurring.once()
    steps.now += 30.0
    steps.recurring.once()
    assert steps.recurring.has_succeeded_within(30.0)
    steps.now += 0.1
    assert not steps.recurring.has_succeeded_within(30.0)


def test_a_stop_ends_a_pause() -> None:
    begun = threading.Event()

    def step() -> float:
        begun.set()
        return 3600.0

    recurring = Recurring("test", step, lambda: None)
    recurring.start()
    assert begun.wait(10.0)
    recurring.stop(10.0)
    assert not recurring._thread.is_alive()
