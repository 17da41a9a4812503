"""Every scenario runs on real parts, for a moment, and gives the figures that the report is written from."""

import math
from pathlib import Path
from typing import Any

import pytest
from loadtest import saturation
from loadtest.saturation import Result, Saturation
from loadtest.scenarios import (
    batching_cost,
    events,
    filters,
    fronts,
    memory,
    million_items,
    near_cache,
    overload,
    processes,
    sources,
    stages,
    testbed,
    triton_settings,
    upserts,
)
from loadtest.workload import Workload
from rich.console import Console

from support.real_servers import triton_installation

_CONSOLE = Console(quiet=True)
_MOMENT_S = 0.2
_RATE = 100.0


@pytest.fixture(autouse=True)
def short_warm_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count what comes soon after the start: no figure of a test is one to report."""
    monkeypatch.setattr(saturation, "WARM_UP_S", 0.1)
    monkeypatch.setattr(testbed, "SETTLE_S", 0.1)


@pytest.fixture
def one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try a single low rate, where a search would take a minute."""

    def only_step(measure: Any, first: float, *_: float) -> Saturation:
        result: Result = measure(_RATE)
        return Saturation(_RATE, result, ((_RATE, result),), is_generator_bound=False)

    for module in (overload, million_items, upserts):
        monkeypatch.setattr(module, "highest_rate", only_step)


def _are_figures(figures: dict[str, float]) -> bool:
    return all(math.isfinite(figure) and figure > 0 for figure in figures.values())


def test_stages_are_told_for_one_and_for_many_and_layers_around_them(small_workload: Workload) -> None:
    found = stages.measure(small_workload, _CONSOLE, seconds=_MOMENT_S)
    assert set(found) == {"1", "32", "layers"}
    assert set(found["1"]) == set(found["32"]) >= {"queue", "features", "encode", "tower", "merge", "rank", "slate"}
    assert found["32"]["rank"] > found["1"]["rank"], "of a batch, not of a request"
    layers = found["layers"]
    assert set(layers) == {"front_door_us", "servicer_us", "pipeline_us", "answer_us", "metrics_us"}
    assert _are_figures(layers)
    assert layers["pipeline_us"] > layers["servicer_us"]


@pytest.mark.usefixtures("one_step")
def test_overload_gives_a_curve_behind_each_front_door(small_workload: Workload) -> None:
    found = overload.measure(small_workload, _CONSOLE, factors=(0.5,), seconds=_MOMENT_S)
    assert set(found) == {"native", "grpcio"}
    for curve in found.values():
        [point] = curve["points"]
        assert 0 < curve["capacity"] < 2 * _RATE
        assert point["rate"] == 0.5 * curve["capacity"]
        assert point["goodput_per_s"] > 0
        assert point["refused_per_s"] == 0
        assert point["outcomes"].keys() == {"ok"}


def test_front_doors_take_turns(small_workload: Workload) -> None:
    [figures] = fronts.measure(small_workload, _CONSOLE, rounds=1, seconds=_MOMENT_S)["rounds"]
    assert set(figures) == {"native", "grpcio"}
    for front in figures.values():
        assert set(front) == {"answers_per_s", "server_cpu_ms_an_answer", "sequential_p50_ms"}
        assert _are_figures(front)


def test_two_processes_are_measured_beside_one_free_and_pinned(small_workload: Workload) -> None:
    found = processes.measure(small_workload, _CONSOLE, rounds=1, seconds=_MOMENT_S)
    [figures] = found["rounds"]
    for by_number in (*figures.values(), *found["generator_cpu_share"].values()):
        assert set(by_number) == {"1", "2"}
        assert _are_figures(by_number)
    assert set(figures) == set(found["generator_cpu_share"]) == {"unpinned", "pinned"}
    assert len(found["pss_mb"]) == 2
    assert min(found["pss_mb"]) > 10.0


def test_memory_is_looked_at_before_after_and_at_the_end(small_workload: Workload) -> None:
    found = memory.measure(small_workload, _CONSOLE, requests=200, times=2)
    assert set(found["pss_mb"]) == {"start", "after_200", "after_400"}
    assert min(found["pss_mb"].values()) > 10.0
    assert 0 < found["index_mb"] < 10.0
    assert 300 < found["requests"] < 500


def test_a_write_is_seen_under_load_and_shares_fall_with_writes(small_workload: Workload) -> None:
    found = near_cache.measure(small_workload, _CONSOLE, calls=1_000, seconds=1.0, rate=_RATE, held_rows=60)
    assert found["held_rows"] == 60
    assert 0 < found["shares"]["0.1"] < found["shares"]["0.0"] < 1
    seen_ms = found["seen_ms"]
    assert 0 < seen_ms["median"] <= seen_ms["p99"]
    assert seen_ms["writes"] > 1
    after_sent, after_acknowledged = found["event_sent_ms"], found["event_seen_ms"]
    assert 0 <= after_acknowledged["median"] <= after_acknowledged["p99"] < after_sent["p99"]
    assert after_sent["writes"] > 1
    assert found["rate"] == _RATE


@pytest.mark.usefixtures("one_step")
def test_answers_are_measured_beside_upserts_and_without(small_workload: Workload) -> None:
    found = upserts.measure(small_workload, _CONSOLE, rounds=1, seconds=1.0)
    assert found["rate"] == _RATE / 2
    (figures,) = found["rounds"]
    assert _are_figures(figures)
    assert figures["upserts_per_s"] > 0.9 * upserts.PER_S


def test_all_sources_are_measured_beside_one(small_workload: Workload) -> None:
    found = sources.measure(small_workload, _CONSOLE, rounds=1, seconds=_MOMENT_S)
    (figures,) = found["rounds"]
    assert set(figures) == {"1", "32"}
    assert all(_are_figures(of_size) for of_size in figures.values())


def test_events_are_recorded_for_many_users_and_for_one(small_workload: Workload) -> None:
    found = events.measure(small_workload, _CONSOLE, rounds=2, seconds=_MOMENT_S, very_many=3_500)
    assert len(found["rounds"]) == 2
    for figures in (*found["rounds"], found["one_user"]):
        assert _are_figures(figures)
    assert set(found["rounds"][0]) == {"events_per_s", "server_cpu_ms_an_event", "p50_ms", "p99_ms"}
    assert (found["one_user"]["some"], found["one_user"]["very_many"]) == (1_000, 3_500)


@pytest.mark.usefixtures("one_step")
def test_two_catalogues_are_measured_in_turn(small_workload: Workload) -> None:
    facts = {**small_workload.facts, "items": 4_000}
    found = million_items.measure(
        small_workload, _CONSOLE, larger=Workload(small_workload.folder, facts), rounds=2, seconds=_MOMENT_S
    )
    assert set(found["answers_per_s"]) == set(found["facts"]) == {"3000", "4000"}
    assert all(len(rates) == 2 and min(rates) > 0 for rates in found["answers_per_s"].values())
    assert found["facts"]["4000"] == facts


def test_settings_of_triton_are_measured_on_triton(small_workload: Workload) -> None:
    triton_installation()  # skips where there is none
    found = triton_settings.measure(small_workload, _CONSOLE, choices=((2, 1),), rounds=1, seconds=_MOMENT_S)
    [point] = found["points"]
    assert (point["instances"], point["threads"]) == (2, 1)
    assert _are_figures(point)


def test_batching_has_a_price_in_pairs(small_workload: Workload) -> None:
    found = batching_cost.measure(small_workload, _CONSOLE, pairs=50)
    assert set(found) == {"direct_ms", "batched_ms", "price_ms", "pairs"}
    assert found["direct_ms"] > 0
    assert found["batched_ms"] > 0
    assert found["pairs"] == 50


def test_filters_are_measured_against_exact_search(small_workload: Workload, tmp_path: Path) -> None:
    found = filters.measure(small_workload, _CONSOLE, items=4_000, shares=(0.05,), cache=tmp_path)
    [point] = found["points"]
    assert point["share"] == 0.05
    assert point["ratio"] > 0
    assert 0.97 <= point["recall"] <= 1.0
    assert found["items"] == 4_000
