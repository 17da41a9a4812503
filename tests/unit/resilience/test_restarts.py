"""How soon and how often a part is started again; the clock is a number."""

from shortlist.resilience.restarts import RestartBudget


def test_each_restart_waits_twice_as_long_as_the_one_before() -> None:
    budget = RestartBudget(limit=5, window_s=60.0, first_delay_s=0.2)

    assert [budget.take(float(second)) for second in range(5)] == [0.2, 0.4, 0.8, 1.6, 3.2]


def test_one_restart_more_than_the_limit_within_the_window_is_refused() -> None:
    budget = RestartBudget(limit=2, window_s=60.0)
    budget.take(0.0)
    budget.take(10.0)

    assert budget.take(59.9) is None


def test_a_restart_that_is_as_old_as_the_window_is_forgotten() -> None:
    budget = RestartBudget(limit=2, window_s=60.0, first_delay_s=0.2)
    budget.take(0.0)
    budget.take(10.0)

    assert budget.take(60.0) == 0.4  # only the one at 10 s is remembered
    assert budget.take(200.0) == 0.2


def test_a_refused_restart_does_not_count() -> None:
    budget = RestartBudget(limit=1, window_s=60.0)
    budget.take(0.0)
    assert budget.take(30.0) is None

    assert budget.take(60.0) is not None
