"""The meter: how each figure is asked for, and what of a run is handed on."""

import numpy as np
import pytest
from loadtest.bench.meter import Meter
from loadtest.generator.run import Pace

from support.played_systems import CPU_MS_AN_ANSWER, PlayedGenerator

_NAME = "played:1"


def _meter(generator: PlayedGenerator, seed: int = 1) -> Meter:
    return Meter(seed, users=50, seconds=2.0, generate=generator)


def test_a_lone_request_is_one_call_after_another_over_one_connection_without_writes() -> None:
    generator = PlayedGenerator({_NAME: 1_000.0})
    figures = _meter(generator).sequential(generator.reached(_NAME))
    (target, arrivals, pace), *_ = generator.runs
    assert (target.connections, pace.in_flight) == (1, 1)
    assert not arrivals.is_write.any()
    assert (figures["p50_ms"], figures["p99_ms"]) == (5.0, 10.0)


def test_batches_are_four_in_flight_of_32_users_with_writes_between() -> None:
    generator = PlayedGenerator({_NAME: 1_000.0})
    figures = _meter(generator).batch(generator.reached(_NAME))
    (target, arrivals, pace), *_ = generator.runs
    assert (target.connections, target.users_a_call, pace.in_flight) == (4, 32, 4)
    assert 0.08 < arrivals.is_write.mean() < 0.12
    assert figures["answers_per_s"] == pytest.approx(900.0, rel=0.05)
    assert set(figures["outcomes"]) == {"ok"}


def test_the_first_search_begins_below_what_the_warm_up_reached() -> None:
    generator = PlayedGenerator({_NAME: 1_000.0})
    meter, reached = _meter(generator), generator.reached(_NAME)
    rate = meter.warm_up(reached)
    assert rate == pytest.approx(1_000.0, rel=0.05)
    assert generator.runs[0][2].in_flight == reached.target.connections
    figures = meter.saturation(reached, rate, earlier=())
    assert figures["steps"][0]["rate"] == pytest.approx(0.7 * rate)
    assert generator.runs[-1][2] == Pace(warm_up_s=1.0), "an open loop"
    assert figures["rate"] == pytest.approx(1_000.0, rel=0.06)


@pytest.mark.parametrize("capacity", [900.0, 1_000.0, 1_150.0])
def test_later_searches_begin_near_the_median_of_the_earlier_rates_and_are_short(capacity: float) -> None:
    generator = PlayedGenerator({_NAME: capacity})
    figures = _meter(generator).saturation(generator.reached(_NAME), 300.0, earlier=(1_020.0, 0.0, 980.0, 1_000.0))
    assert figures["steps"][0]["rate"] == pytest.approx(850.0)
    assert len(figures["steps"]) <= 6
    assert figures["rate"] == pytest.approx(capacity, rel=0.08)


def test_the_figures_of_the_highest_rate_are_those_of_one_of_its_steps() -> None:
    generator = PlayedGenerator({_NAME: 1_000.0})
    figures = _meter(generator).saturation(generator.reached(_NAME), 1_000.0, earlier=())
    (best,) = [step for step in figures["steps"] if step["rate"] == figures["rate"]]
    for name in ("answers_per_s", "p50_ms", "p99_ms", "server_cpu_ms_an_answer"):
        assert figures[name] == best[name]
    assert max(step["rate"] for step in figures["steps"] if step["p99_ms"] < 50) == figures["rate"]


def test_a_server_that_answers_nothing_has_no_rate_and_no_cost_an_answer() -> None:
    generator = PlayedGenerator({_NAME: 0.0})
    figures = _meter(generator).saturation(generator.reached(_NAME), 0.0, earlier=())
    assert figures["rate"] == figures["answers_per_s"] == 0.0
    assert figures["p99_ms"] is None
    assert figures["server_cpu_ms_an_answer"] is None
    assert figures["steps"]


def test_the_cost_of_an_answer_is_the_systems_processor_time_by_its_answers() -> None:
    generator = PlayedGenerator({_NAME: 1_000.0})
    figures = _meter(generator).at_rate(generator.reached(_NAME), 500.0)
    assert figures["server_cpu_ms_an_answer"] == pytest.approx(CPU_MS_AN_ANSWER)
    assert figures["rate"] == 500.0


def test_a_seed_gives_every_system_the_same_calls_and_another_seed_gives_others() -> None:
    generator = PlayedGenerator({_NAME: 1_000.0, "other:1": 700.0})
    for name, seed in ((_NAME, 1), ("other:1", 1), (_NAME, 2)):
        _meter(generator, seed).at_rate(generator.reached(name), 500.0)
    ours, theirs, later = (arrivals for _, arrivals, _ in generator.runs)
    assert np.array_equal(ours.users, theirs.users)
    assert np.array_equal(ours.due_s, theirs.due_s)
    assert not np.array_equal(ours.users[:100], later.users[:100])
