import pytest

from shortlist.resilience.deadline import NEVER, Deadline


def test_a_deadline_is_a_point_in_time() -> None:
    assert Deadline.after(2.5, now=10.0).at == 12.5


def test_what_is_left_shrinks_as_time_passes() -> None:
    deadline = Deadline.after(2.0, now=10.0)
    assert [deadline.remaining_s(now) for now in (10.0, 11.5, 12.0)] == [2.0, 0.5, 0.0]


def test_nothing_is_left_after_it_never_less_than_nothing() -> None:
    assert Deadline.after(2.0, now=10.0).remaining_s(99.0) == 0.0


@pytest.mark.parametrize(("now", "passed"), [(11.9, False), (12.0, True), (12.1, True)])
def test_it_has_passed_from_its_point_on(now: float, *, passed: bool) -> None:
    assert Deadline.after(2.0, now=10.0).has_passed(now) is passed


def test_the_later_of_two_is_the_larger() -> None:
    assert max(Deadline(3.0), Deadline(5.0)) == Deadline(5.0)


def test_never_does_not_pass() -> None:
    assert not Deadline(NEVER).has_passed()
    assert Deadline(NEVER).remaining_s() == NEVER


def test_without_a_given_moment_the_monotonic_clock_counts() -> None:
    assert Deadline.after(-1.0).has_passed()
    assert not Deadline.after(3600.0).has_passed()
    assert 3500.0 < Deadline.after(3600.0).remaining_s() <= 3600.0
