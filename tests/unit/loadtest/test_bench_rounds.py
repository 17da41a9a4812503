"""Rounds: every system in turn and alone, near what was found before, and all that was measured is kept."""

import copy
from collections.abc import Sequence

import pytest
from loadtest.bench.meter import Figures, Meter
from loadtest.bench.rounds import Rounds, best_peer, in_turn
from loadtest.bench.systems import System
from loadtest.kernels import Kernels

from support.played_systems import PlayedGenerator, PlayedStarts

_CAPACITIES = {
    "shortlist": 3_000.0,
    "shortlist-triton": 2_500.0,
    "fastapi": 1_000.0,
    "ray": 600.0,
    "fastapi-inline": 300.0,
}
_KERNELS = Kernels(32, "threads", 6_000.0, 0.3)


class _Bench:
    """A benchmark of played systems."""

    def __init__(self, *names: str) -> None:
        self.generator = PlayedGenerator(dict(_CAPACITIES))
        self.starts = PlayedStarts(self.generator)
        self.result: Figures = {"rounds": [], "half_rate": None}
        self.begun: list[tuple[str, str]] = []
        self.kept: list[Figures] = []
        systems = [
            self.starts.system(name, is_saturated=name != "fastapi-inline", has_batches=name.startswith("shortlist"))
            for name in names
        ]
        self.rounds = self._rounds(systems)

    def _rounds(self, systems: Sequence[System]) -> Rounds:
        return Rounds(
            systems,
            self.result,
            meter=lambda seed: Meter(seed, users=50, seconds=0.5, generate=self.generator),
            kernels=lambda: _KERNELS,
            begin=lambda part, of: self.begun.append((part, of)),
            keep=lambda: self.kept.append(copy.deepcopy(self.result)),
        )


def test_each_round_starts_every_system_once_and_alone_and_begins_with_another() -> None:
    bench = _Bench("shortlist", "fastapi", "ray")
    bench.rounds.run(3)
    assert bench.starts.started() == [
        *("shortlist", "fastapi", "ray"),
        *("fastapi", "ray", "shortlist"),
        *("ray", "shortlist", "fastapi"),
    ]
    assert [of for part, of in bench.begun if part == "kernels"] == ["round 1", "round 2", "round 3"]


def test_turns_wrap_around_and_nothing_has_none() -> None:
    starts = PlayedStarts(PlayedGenerator({}))
    systems = [starts.system("a"), starts.system("b")]
    assert [system.name for system in in_turn(systems, 3)] == ["b", "a"]
    assert in_turn([], 3) == []


def test_a_round_holds_kernels_and_what_each_system_is_measured_for() -> None:
    bench = _Bench("shortlist", "ray", "fastapi-inline")
    bench.rounds.run(1)
    (figures,) = bench.result["rounds"]
    assert figures["kernels"] == {
        "batch": 32,
        "workers": "threads",
        "requests_per_s": 6_000.0,
        "cpu_ms_a_request": 0.3,
    }
    assert figures["load"] >= 0
    assert {name: set(measured) for name, measured in figures["systems"].items()} == {
        "shortlist": {"start_s", "sequential", "saturation", "batch", "pss_mb"},
        "ray": {"start_s", "sequential", "saturation", "pss_mb"},
        "fastapi-inline": {"start_s", "sequential", "pss_mb"},
    }


def test_the_second_round_looks_near_what_the_first_found() -> None:
    bench = _Bench("fastapi")
    bench.rounds.run(2)
    first, second = (figures["systems"]["fastapi"]["saturation"] for figures in bench.result["rounds"])
    assert second["steps"][0]["rate"] == pytest.approx(0.85 * first["rate"])
    assert len(second["steps"]) <= 6


def test_what_was_measured_is_kept_before_the_next_thing_is() -> None:
    bench = _Bench("shortlist")
    bench.rounds.run(1)
    seen = [set(kept["rounds"][0]["systems"].get("shortlist", {})) - {"start_s"} for kept in bench.kept]
    sequential, saturation = {"sequential"}, {"sequential", "saturation"}
    assert seen == [set(), sequential, saturation, saturation | {"batch"}, saturation | {"batch", "pss_mb"}]


def test_an_interruption_leaves_what_was_measured() -> None:
    bench = _Bench("shortlist", "ray")
    bench.rounds.run(1)
    measured = copy.deepcopy(bench.kept[-1]["rounds"][0])
    bench.generator.capacities.clear()  # a generator that finds nobody: whatever ends it
    with pytest.raises(KeyError):
        bench.rounds.run(1)
    assert bench.kept[-1]["rounds"][0] == measured
    assert bench.starts.events[-1][0] == "+", "it ended within a system"


def test_ours_and_the_best_peer_are_asked_for_half_of_what_that_one_carries() -> None:
    bench = _Bench("shortlist", "shortlist-triton", "fastapi", "ray", "fastapi-inline")
    bench.rounds.run(1)
    bench.starts.events.clear()
    bench.rounds.run_half_rates(2)
    half = bench.result["half_rate"]
    assert half["peer"] == "fastapi"
    assert half["rate"] == bench.result["rounds"][0]["systems"]["fastapi"]["saturation"]["rate"] / 2
    assert bench.starts.started() == [
        *("shortlist", "shortlist-triton", "fastapi"),
        *("shortlist-triton", "fastapi", "shortlist"),
    ]
    for figures in half["rounds"]:
        assert set(figures) == {"shortlist", "shortlist-triton", "fastapi"}
        assert all(measured["rate"] == half["rate"] for measured in figures.values())
        assert all({"p50_ms", "p99_ms", "outcomes"} <= set(measured) for measured in figures.values())


def test_without_a_peer_there_is_no_half_rate() -> None:
    bench = _Bench("shortlist")
    bench.rounds.run(1)
    bench.rounds.run_half_rates(1)
    assert bench.result["half_rate"] is None


def _found(**rates: float) -> Figures:
    return {"systems": {name: {"saturation": {"rate": rate}} for name, rate in rates.items()}}


def test_the_best_peer_has_the_highest_median_and_is_none_of_ours() -> None:
    rounds = [
        _found(ray=900.0, fastapi=500.0, shortlist=5_000.0),
        _found(ray=300.0, fastapi=510.0, shortlist=5_000.0),
        _found(ray=310.0, fastapi=490.0, shortlist=5_000.0),
    ]
    assert best_peer(rounds) == ("fastapi", 500.0)


def test_a_peer_that_kept_no_rate_is_not_the_best() -> None:
    assert best_peer([_found(ray=0.0)]) is None
    assert best_peer([]) is None
