"""What the scenarios make of what was measured, and what they refuse to call a measurement."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from loadtest.bench.scenarios import SCENARIOS
from loadtest.saturation import Result, highest_rate, is_kept
from loadtest.scenarios import memory, million_items, overload, stages, stages_triton
from loadtest.scenarios.layers import pipeline_of
from loadtest.scenarios.near_cache_sight import joined
from loadtest.scenarios.processes import pin
from loadtest.scenarios.testbed import FIRST_RATE, NotMeasuredError, whole_per_s
from loadtest.workload import Workload
from rich.console import Console

from shortlist.v1.recommender_pb2 import DEGRADED_RANKER_UNAVAILABLE, RecommendedItem, RecommendResponse, StageTiming

_QUIET = Console(quiet=True)


def _result(outcomes: dict[str, int], p99_ms: float | None = 10.0, cpu_share: float = 0.2) -> Result:
    reads: dict[str, Any] = {
        "calls": sum(outcomes.values()),
        "outcomes": outcomes,
        "answered_per_s": outcomes.get("ok", 0) / 2,
        "in_time_per_s": outcomes.get("ok", 0) / 4,
        "latency_ms": {"p99": p99_ms},
    }
    return {"address": "here:1", "reads": reads, "counted_s": 2.0, "generator_cpu_share": cpu_share}


def _answer(queue_us: int = 5, **fields: Any) -> RecommendResponse:
    stages_us = {"queue": queue_us, "features": 30, "rank": 200}
    whole: dict[str, Any] = {
        "items": [RecommendedItem(item_id="a")],
        "ranker": "onnxruntime",
        "stages": [StageTiming(stage=name, microseconds=took) for name, took in stages_us.items()],
    }
    return RecommendResponse(**{**whole, **fields})


def test_goodput_is_what_came_in_time_and_refusals_stand_beside_it() -> None:
    result = _result({"ok": 800, "RESOURCE_EXHAUSTED": 150, "degraded": 50}, p99_ms=None)
    point = overload.point(2.0, 1_000.0, result)
    assert point["goodput_per_s"] == 200.0
    assert point["refused_per_s"] == 75.0
    assert point["p99_ms"] is None
    assert point["outcomes"] == result["reads"]["outcomes"]
    assert (point["factor"], point["rate"]) == (2.0, 1_000.0)


@pytest.mark.parametrize(
    "outcomes", [{"ok": 900, "degraded": 100}, {"ok": 98, "UNAVAILABLE": 2}, {}], ids=["degraded", "failed", "none"]
)
def test_a_closed_loop_that_was_not_answered_whole_is_no_measurement(outcomes: dict[str, int]) -> None:
    with pytest.raises(NotMeasuredError, match="here:1 answered"):
        whole_per_s(_result(outcomes))


def test_a_call_in_a_hundred_may_fail_and_does_not_count() -> None:
    assert whole_per_s(_result({"ok": 995, "UNAVAILABLE": 5})) == 995 / 2


def test_two_loads_at_once_have_the_worse_p99_and_all_answers() -> None:
    both = joined([_result({"ok": 100}, 10.0, 0.3), _result({"ok": 60, "degraded": 40}, 30.0, 0.2)])
    assert both["reads"]["latency_ms"]["p99"] == 30.0
    assert both["reads"]["answered_per_s"] == 80.0
    assert both["reads"]["outcomes"] == {"ok": 160, "degraded": 40}
    assert both["generator_cpu_share"] == 0.3
    assert not is_kept(both), "one of the two was degraded"
    assert joined([_result({"ok": 1}, None), _result({"ok": 1}, 1.0)])["reads"]["latency_ms"]["p99"] is None


def test_the_stages_of_a_batch_are_told_by_each_of_its_answers() -> None:
    found = stages.batch_stages([_answer(), _answer(queue_us=9)])
    assert found == {"queue": 5.0, "features": 30.0, "rank": 200.0}
    assert pipeline_of(found) == 230.0
    assert stages.medians([found, {**found, "rank": 100.0}]) == {"queue": 5.0, "features": 30.0, "rank": 150.0}


def test_users_asked_for_together_who_were_two_batches_are_no_measurement() -> None:
    other = [StageTiming(stage="queue", microseconds=5), StageTiming(stage="features", microseconds=31)]
    with pytest.raises(NotMeasuredError, match="not one batch"):
        stages.batch_stages([_answer(), _answer(stages=other)])


@pytest.mark.parametrize("lacks", [{"items": []}, {"ranker": ""}, {"degraded": [DEGRADED_RANKER_UNAVAILABLE]}])
def test_stages_of_an_answer_that_is_not_whole_are_no_measurement(lacks: dict[str, Any]) -> None:
    with pytest.raises(NotMeasuredError, match="not whole"):
        stages.batch_stages([_answer(), _answer(**lacks)])


def test_stages_on_triton_are_those_of_stages_with_its_ranker(
    small_workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def measured(work: Workload, console: Console, **how: Any) -> dict[str, Any]:
        asked.update(how)
        return {"1": {}}

    monkeypatch.setattr(stages, "measure", measured)
    assert stages_triton.measure(small_workload, _QUIET, seconds=0.5) == {"1": {}}
    assert asked == {"seconds": 0.5, "ranker": "triton"}


@pytest.fixture
def sleeper() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core is no choice")
def test_processes_are_given_a_core_each_and_all_of_them_again(sleeper: int) -> None:
    cores = sorted(os.sched_getaffinity(0))[:2]
    pin([sleeper], cores[::-1], is_apart=True)
    assert os.sched_getaffinity(sleeper) == {cores[1]}
    pin([sleeper], cores, is_apart=False)
    assert os.sched_getaffinity(sleeper) == set(cores)


@pytest.mark.parametrize(("count", "name"), [(100_000, "100k"), (1_000_000, "1m"), (500, "500")])
def test_numbers_of_requests_have_short_names(count: int, name: str) -> None:
    assert memory.short(count) == name


def test_later_rounds_begin_near_the_rate_that_was_found() -> None:
    asked: list[float] = []

    def measured(rate: float) -> Result:
        asked.append(rate)
        return _result({"ok": round(2 * rate)}, 10.0 if rate < 3_000 else 90.0)

    steps_alone = len(highest_rate(measured, FIRST_RATE).steps)
    asked.clear()
    rates = million_items.in_rounds({"1": measured}, 2, _QUIET)["1"]
    assert rates == pytest.approx([3_000.0, 3_000.0], rel=0.05)
    assert asked[0] == FIRST_RATE
    assert asked[steps_alone] == pytest.approx(0.9 * rates[0], rel=0.01)
    assert len(asked) < 2 * steps_alone


def test_every_scenario_has_a_name_and_its_module_a_command() -> None:
    assert set(SCENARIOS) == {
        "stages",
        "upserts",
        "sources",
        "stages_triton",
        "overload",
        "fronts",
        "processes",
        "memory",
        "near_cache",
        "events",
        "million_items",
        "triton_settings",
        "batching_cost",
        "filters",
        "index_tuning",
    }
    assert [scenario.__module__ for scenario in SCENARIOS.values()] == [
        f"loadtest.scenarios.{name}" for name in SCENARIOS
    ]
