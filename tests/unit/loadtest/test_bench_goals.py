"""Goals: what is measured is met or missed, what is not says so, and ratios are taken within rounds."""

from typing import Any

import pytest
from loadtest.bench.goals import GOALS, judged, table
from loadtest.bench.systems import FASTAPI_INLINE, OURS
from loadtest.peers.environments import PEERS

from support.bench_results import KERNELS_PER_S, bench_result

IN_PROCESS, TRITON, _ = OURS
BY_PEER = "throughput by the best peer's, in the process"
OF_KERNELS = "throughput with p99 under 50 ms, share of the bare kernels', in the process"
AT_HALF = "p99 at half of the best peer's highest rate, by that peer's, in the process"
LEFT_OUT = {"10 million items, as codes", "PSS growth from there to a million requests"}


def verdict(result: dict[str, Any], figure: str) -> str:
    (found,) = [each.verdict for each in judged(result) if each.goal.figure == figure]
    return found


def median(result: dict[str, Any], figure: str) -> float:
    (found,) = [each.spread for each in judged(result) if each.goal.figure == figure]
    assert found is not None
    return found.median


def set_rates(result: dict[str, Any], system: str, rates: list[float]) -> None:
    for figures, answers_per_s in zip(result["rounds"], rates, strict=True):
        figures["systems"][system]["saturation"]["answers_per_s"] = answers_per_s


def test_every_figure_has_a_goal_of_its_own_and_all_but_those_left_out_are_measured() -> None:
    assert len({goal.figure for goal in GOALS}) == len(GOALS)
    open_goals = {each.goal.figure for each in judged(bench_result()) if each.verdict == "not measured"}
    assert open_goals == LEFT_OUT


@pytest.mark.parametrize(("share", "expected"), [(0.7, "met"), (0.69, "**missed**")])
def test_a_goal_is_met_from_its_bound_on_and_missed_below(share: float, expected: str) -> None:
    result = bench_result(1)
    result["rounds"][0]["kernels"]["requests_per_s"] = KERNELS_PER_S
    set_rates(result, IN_PROCESS, [share * KERNELS_PER_S])
    assert verdict(result, OF_KERNELS) == expected
    assert f"| {expected} |" in next(line for line in table(result) if OF_KERNELS in line)


@pytest.mark.parametrize(("p50_ms", "expected"), [(0.8, "met"), (0.81, "**missed**")])
def test_a_goal_with_a_most_is_met_up_to_its_bound(p50_ms: float, expected: str) -> None:
    result = bench_result(1)
    result["rounds"][0]["systems"][IN_PROCESS]["sequential"]["p50_ms"] = p50_ms
    assert verdict(result, "sequential median, in the process") == expected


def test_a_row_has_the_goal_the_median_the_range_and_the_verdict() -> None:
    result = bench_result(3)
    for figures, p50_ms in zip(result["rounds"], (0.9, 0.7, 0.75), strict=True):
        figures["systems"][IN_PROCESS]["sequential"]["p50_ms"] = p50_ms
    row = "| sequential median, in the process | 0.8 ms or less | 0.75 ms | 0.70 to 0.90 ms | met |"
    assert row in table(result)


def test_ratios_are_taken_within_a_round() -> None:
    result = bench_result(3)
    set_rates(result, IN_PROCESS, [3_000.0, 1_500.0, 600.0])
    for peer in PEERS:
        set_rates(result, peer, [1_000.0, 500.0, 200.0])
    assert median(result, BY_PEER) == pytest.approx(3.0)
    set_rates(result, "ray", [500.0, 1_500.0, 600.0])
    # By round 3, 1 and 1; the ratio of the medians, 1,500 by 600, would be 2.5.
    assert median(result, BY_PEER) == pytest.approx(1.0)


def test_the_best_peer_is_known_only_where_all_of_them_were_measured() -> None:
    result = bench_result(1)
    del result["rounds"][0]["systems"]["ray"]
    assert verdict(result, BY_PEER) == "not measured"


def test_a_peer_that_kept_no_rate_is_measured_all_the_same() -> None:
    result = bench_result(1)
    set_rates(result, "ray", [0.0])
    assert verdict(result, BY_PEER) in {"met", "**missed**"}


@pytest.mark.parametrize(
    ("ours_ms", "theirs_ms", "expected"),
    [
        (4.0, 8.0, "met"),
        (4.1, 8.0, "**missed**"),
        (None, 8.0, "**missed**"),
        (4.0, None, "met"),
        (None, None, "**missed**"),
    ],
)
def test_a_p99_that_never_came_is_infinite(ours_ms: float | None, theirs_ms: float | None, expected: str) -> None:
    result = bench_result(1)
    (figures,) = result["half_rate"]["rounds"]
    figures[IN_PROCESS]["p99_ms"], figures["fastapi"]["p99_ms"] = ours_ms, theirs_ms
    assert verdict(result, AT_HALF) == expected


def test_what_is_only_reported_is_neither_met_nor_missed() -> None:
    assert verdict(bench_result(), "two processes by one, unpinned") == "reported"


@pytest.mark.parametrize(
    ("scenario", "figures"),
    [
        ("batching_cost", 1),
        ("million_items", 1),
        ("processes", 2),
        ("near_cache", 4),
        ("events", 2),
        ("memory", 1),
        ("overload", 2),
        ("filters", 2),
    ],
)
def test_the_goals_of_a_scenario_that_is_missing_are_not_measured(scenario: str, figures: int) -> None:
    result = bench_result()
    del result["scenarios"][scenario]
    missing = {each.goal.figure for each in judged(result) if each.verdict == "not measured"} - LEFT_OUT
    assert len(missing) == figures
    assert all("|  |  | not measured |" in line for line in table(result) if line.split(" | ")[0][2:] in missing)


def test_the_growth_to_a_million_requests_is_measured_where_there_were_so_many() -> None:
    result = bench_result()
    result["scenarios"]["memory"]["pss_mb"]["after_1m"] = 300.0
    assert median(result, "PSS growth from there to a million requests") == pytest.approx(38.0)
    assert verdict(result, "PSS growth from there to a million requests") == "**missed**"


def test_without_half_rates_peers_and_scenarios_there_is_still_a_table() -> None:
    result = bench_result(1)
    result |= {"half_rate": None, "scenarios": {}}
    (figures,) = result["rounds"]
    for name in (*PEERS, FASTAPI_INLINE, TRITON):
        del figures["systems"][name]
    assert len(table(result)) == len(GOALS) + 2
    assert {each.verdict for each in judged(result)} == {"met", "not measured"}
