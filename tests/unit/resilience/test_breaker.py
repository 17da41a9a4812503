import pytest

from shortlist.resilience.breaker import Breaker, BreakerState
from support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    """Stand still."""
    return Clock(100.0)


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    """Open after three failures, for ten seconds."""
    return Breaker(failures_to_open=3, open_s=10.0, clock=clock)


def fail(breaker: Breaker, times: int) -> None:
    """Ask and fail."""
    for _ in range(times):
        assert breaker.allows()
        breaker.failed()


def test_a_new_breaker_is_closed_and_allows(breaker: Breaker) -> None:
    assert breaker.state is BreakerState.CLOSED
    assert breaker.allows()


def test_failures_below_the_limit_leave_it_closed(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.state is BreakerState.CLOSED


def test_the_limit_opens_it(breaker: Breaker) -> None:
    fail(breaker, 3)
    assert breaker.state is BreakerState.OPEN
    assert not breaker.allows()


def test_only_consecutive_failures_count(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.state is BreakerState.CLOSED


def test_it_stays_open_for_its_pause(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 9.9
    assert not breaker.allows()


def test_after_the_pause_a_single_try_goes_through(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10.0
    assert breaker.allows()
    assert breaker.state is BreakerState.HALF_OPEN
    assert not breaker.allows()


def test_a_try_that_succeeds_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10.0
    breaker.allows()
    breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED
    fail(breaker, 2)
    assert breaker.allows()


def test_a_try_that_fails_opens_it_for_another_pause(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10.0
    fail(breaker, 1)
    clock.now += 9.9
    assert not breaker.allows()
    clock.now += 0.1
    assert breaker.allows()


def test_a_try_that_was_never_made_is_free_for_the_next(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10.0
    breaker.allows()
    breaker.abandoned()
    assert breaker.allows()


def test_abandoning_while_closed_changes_nothing(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.abandoned()
    assert breaker.state is BreakerState.CLOSED
    fail(breaker, 1)
    assert breaker.state is BreakerState.OPEN


def test_a_try_that_nobody_reports_does_not_shut_the_door_for_good(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10.0
    assert breaker.allows()
    clock.now += 10.0
    assert breaker.allows()
    assert not breaker.allows()


def test_a_late_failure_of_an_earlier_question_keeps_an_open_breaker_open(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 5.0
    breaker.failed()
    assert breaker.state is BreakerState.OPEN
