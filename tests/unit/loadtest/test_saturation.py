"""Saturation: the highest rate is found between steps, failures and degraded answers end it, the search is bounded."""

import pytest
from loadtest.arrivals import ordered
from loadtest.generator.run import Pace, Target
from loadtest.saturation import GeneratorError, Result, highest_rate, in_own_process

from support.scripted_http2 import Peer, answer, scripted


class _Server:
    """Keeps up to a capacity; remembers what it was asked."""

    def __init__(self, capacity: float, p99_past_it: float | None = 400.0, cpu_share: float = 0.3) -> None:
        self.capacity, self.p99_past_it, self.cpu_share = capacity, p99_past_it, cpu_share
        self.rates: list[float] = []

    def __call__(self, rate: float) -> Result:
        self.rates.append(rate)
        p99 = 20.0 if rate <= self.capacity else self.p99_past_it
        reads = {"latency_ms": {"p99": p99}, "answered_per_s": 0.9 * rate, "outcomes": {"ok": 1_000}}
        return {"reads": reads, "generator_cpu_share": self.cpu_share}


@pytest.mark.parametrize("capacity", [30.0, 700.0, 2_345.0])
@pytest.mark.parametrize("p99_past_it", [400.0, None], ids=["slow", "failing"])
def test_the_highest_rate_is_found_to_within_a_step(capacity: float, p99_past_it: float | None) -> None:
    server = _Server(capacity, p99_past_it)
    found = highest_rate(server, 500.0)
    assert 0.96 * capacity <= found.answers_per_s / 0.9 <= capacity
    assert [rate for rate, _ in found.steps] == server.rates
    assert len(server.rates) <= 14


@pytest.mark.parametrize("capacity", [800.0, 900.0, 1_000.0, 1_100.0])
def test_a_search_that_begins_near_the_highest_rate_takes_few_steps(capacity: float) -> None:
    found = highest_rate(_Server(capacity), 850.0, step_up=1.15)
    assert 0.96 * capacity <= found.rate <= capacity
    assert len(found.steps) <= 6


def test_a_rate_at_which_more_than_one_answer_in_a_hundred_is_degraded_is_not_kept() -> None:
    def degrades(rate: float) -> Result:
        degraded = 10 if rate <= 900.0 else 11
        outcomes = {"ok": 1_000 - degraded, "degraded": degraded}
        reads = {"latency_ms": {"p99": 5.0}, "answered_per_s": rate, "outcomes": outcomes}
        return {"reads": reads, "generator_cpu_share": 0.1}

    assert 0.96 * 900.0 <= highest_rate(degrades, 500.0).rate <= 900.0


def test_a_server_that_keeps_nothing_has_no_rate() -> None:
    found = highest_rate(_Server(0.0, None), 500.0)
    assert found.best is None
    assert found.answers_per_s == found.rate == 0
    assert len(found.steps) <= 14


def test_a_generator_at_its_end_is_not_taken_for_the_server() -> None:
    found = highest_rate(_Server(1e9, cpu_share=0.95), 500.0)
    assert found.is_generator_bound
    assert found.best is None


def test_the_generator_runs_as_a_process_of_its_own_and_says_what_it_cost() -> None:
    def answers(peer: Peer) -> None:
        for stream in peer.calls():
            peer.socket.sendall(answer(stream))

    with scripted(answers) as address:
        result = in_own_process(Target(address, 2), ordered(50, 1, users=10, write_share=0.0), Pace())
    assert result["reads"]["outcomes"] == {"ok": 50}
    assert result["generator_cpu_share"] > 0


def test_a_generator_that_cannot_run_says_why() -> None:
    with pytest.raises(GeneratorError, match="host:port"):
        in_own_process(Target("nowhere"), ordered(5, 1, users=10, write_share=0.0), Pace())
