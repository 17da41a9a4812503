"""When calls are due: a closed loop hides a stall, an open loop shows it and loses no arrival."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from loadtest.locusting.pace import ClosedLoop, OpenLoop, Pace
from loadtest.locusting.shapes import share_of_peak

RATE, SECONDS, SERVICE_S = 100.0, 60.0, 0.005
STALL = (10.0, 12.0)
"""Two of sixty seconds: 3 % of the arrivals, so the 99th percentile has to show it."""


@dataclass
class Watched:
    """What became of a test, in seconds: latencies, when calls were due, how overdue those were that were not sent."""

    latencies_s: list[float] = field(default_factory=list)
    due_s: list[float] = field(default_factory=list)
    not_sent_s: list[float] = field(default_factory=list)


def _steady(_elapsed_s: float) -> float:
    return 1.0


def _open_loop(
    watched: Watched, *, backlog: int = 1000, share: Callable[[float], float] = _steady, seed: int = 1
) -> OpenLoop:
    return OpenLoop(RATE, backlog, share, watched.not_sent_s.append, np.random.default_rng(seed), 0.0, SECONDS)


def _arrivals(share: Callable[[float], float] = _steady, seed: int = 1) -> list[float]:
    """List when the arrivals of such a loop are due, until the end."""
    loop, due = _open_loop(Watched(), share=share, seed=seed), [0.0]
    while turn := loop.next_turn(due[-1]):
        due.append(turn.due_s or 0.0)
    return due[1:]


def _healthy(_at_s: float) -> float:
    return SERVICE_S


def _stalling(at_s: float) -> float:
    return SERVICE_S + (STALL[1] - at_s if STALL[0] <= at_s < STALL[1] else 0.0)


def _play(pace: Pace, watched: Watched, service_s: Callable[[float], float], callers: int) -> Watched:
    """Let callers go by a pace on a clock of our own; a call sent at a time takes `service_s` of it."""
    free_at = [0.0] * callers
    while free_at:
        now_s = heapq.heappop(free_at)
        if turn := pace.next_turn(now_s):
            sent_s = now_s + turn.wait_s
            done_s = sent_s + service_s(sent_s)
            watched.latencies_s.append(done_s - (sent_s if turn.due_s is None else turn.due_s))
            if turn.due_s is not None:
                watched.due_s.append(turn.due_s)
            heapq.heappush(free_at, done_s)
    return watched


def test_the_percentiles_of_an_open_loop_show_a_stall_that_few_calls_were_sent_into() -> None:
    watched = Watched()
    _play(_open_loop(watched), watched, _stalling, callers=5)
    p90, p99 = np.percentile(watched.latencies_s, [90, 99])
    assert p99 > 0.5 * (STALL[1] - STALL[0])
    assert p90 < 0.1
    assert not watched.not_sent_s


def test_a_closed_loop_hides_the_same_stall() -> None:
    watched = _play(ClosedLoop(0.05, np.random.default_rng(1), SECONDS), Watched(), _stalling, callers=5)
    assert np.percentile(watched.latencies_s, 99) < 2 * SERVICE_S
    assert max(watched.latencies_s) > 1.0  # it was there


def test_a_stall_does_not_change_what_arrives() -> None:
    healthy, stalled = Watched(), Watched()
    _play(_open_loop(healthy), healthy, _healthy, callers=50)
    _play(_open_loop(stalled), stalled, _stalling, callers=5)
    assert sorted(stalled.due_s) == sorted(healthy.due_s) == _arrivals()
    assert max(healthy.latencies_s) == pytest.approx(SERVICE_S)


def test_arrivals_beyond_the_backlog_are_given_up_and_reported_the_oldest_first() -> None:
    watched = Watched()
    loop = _open_loop(watched, backlog=50)
    arrived = [due for due in _arrivals() if due <= 10.0]
    turn = loop.next_turn(10.0)  # whoever is free now was busy for ten seconds
    assert watched.not_sent_s == pytest.approx([10.0 - due for due in arrived[:-50]], abs=1e-9)
    assert turn is not None
    assert (turn.due_s, turn.wait_s) == (arrived[-50], 0.0)


def test_every_arrival_is_sent_or_reported() -> None:
    watched = Watched()
    # A hundred arrive each second, and one caller manages ten.
    _play(_open_loop(watched, backlog=20), watched, lambda _at_s: 0.1, callers=1)
    assert len(watched.latencies_s) + len(watched.not_sent_s) == len(_arrivals())
    assert len(watched.latencies_s) == pytest.approx(10 * SECONDS + 20, abs=2)  # the backlog outlives the end


def test_a_test_that_is_stopped_reports_what_nobody_was_free_for_and_nothing_that_was_not_due() -> None:
    watched = Watched()
    loop, arrived = _open_loop(watched), [due for due in _arrivals() if due <= 1.0]
    loop.stop(now_s=1.0)
    assert watched.not_sent_s == pytest.approx([1.0 - due for due in arrived], abs=1e-9)
    early, late = loop.next_turn(1.0), loop.next_turn(1.0)
    assert early is not None
    assert late is not None
    loop.give_back(late)
    loop.stop(now_s=1.0 + early.wait_s)
    assert len(watched.not_sent_s) == len(arrived)


def test_no_call_is_sent_from_the_end_on_but_what_was_due_before_it_is() -> None:
    think = ClosedLoop(1.0, np.random.default_rng(1), end_s=SECONDS)
    assert think.next_turn(SECONDS - 2.0) is not None
    assert think.next_turn(SECONDS - 0.4) is None
    loop = _open_loop(Watched())
    turns = [loop.next_turn(SECONDS + 5.0) for _ in range(1001)]
    assert [turn.due_s for turn in turns if turn] == _arrivals()[-1000:]
    assert turns[-1] is None


def test_a_turn_that_was_given_back_is_somebody_else_s() -> None:
    loop = _open_loop(Watched())
    turn = loop.next_turn(0.0)
    assert turn is not None
    loop.give_back(turn)
    assert loop.next_turn(0.0) == turn


def test_arrivals_are_poisson_at_the_rate() -> None:
    gaps = np.diff(np.concatenate([_arrivals(seed=seed) for seed in range(5)]))
    gaps = gaps[gaps > 0]
    assert 1 / gaps.mean() == pytest.approx(RATE, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, abs=0.05)


def test_a_shape_scales_the_rate() -> None:
    due = np.array(_arrivals(lambda elapsed_s: share_of_peak("spike", elapsed_s, SECONDS)))
    in_spike = (due >= 0.4 * SECONDS) & (due < 0.6 * SECONDS)
    assert in_spike.sum() == pytest.approx(RATE * 0.2 * SECONDS, rel=0.1)
    assert (~in_spike).sum() == pytest.approx(0.2 * RATE * 0.8 * SECONDS, rel=0.15)


def test_thinking_takes_the_mean_that_was_asked_for_and_stays_near_it() -> None:
    loop = ClosedLoop(2.0, np.random.default_rng(1))
    waits = [turn.wait_s for _ in range(2000) if (turn := loop.next_turn(0.0))]
    assert np.mean(waits) == pytest.approx(2.0, rel=0.03)
    assert 1.0 <= min(waits) < max(waits) <= 3.0
