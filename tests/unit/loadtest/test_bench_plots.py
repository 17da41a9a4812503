"""What the pictures show: points by rising rate over all rounds, and stages with the layers around them."""

import math
from pathlib import Path
from typing import Any

import pytest
from loadtest.bench.latency_plot import grouped, line, lone
from loadtest.bench.plots import write_plots
from loadtest.bench.stage_plot import bars

from support.bench_results import bench_result


def step(rate: float, p99_ms: float | None = 20.0) -> dict[str, Any]:
    return {"rate": rate, "answers_per_s": 0.9 * rate, "p50_ms": 5.0, "p99_ms": p99_ms}


def with_steps(*rounds: list[dict[str, Any]]) -> dict[str, Any]:
    systems = [{"systems": {"ray": {"saturation": {"steps": steps}}}} for steps in rounds]
    return {"rounds": systems, "half_rate": None}


def test_steps_of_all_rounds_at_nearly_the_same_rate_are_one_point() -> None:
    result = with_steps([step(100.0, 10.0), step(200.0)], [step(104.0, 30.0)], [step(102.0, 12.0)])
    points = list(line(result, "ray"))
    assert [point.answers_per_s for point in points] == pytest.approx([0.9 * 102.0, 0.9 * 200.0])
    assert [point.p99_ms for point in points] == [12.0, 20.0]


def test_a_group_never_grows_past_its_first_rate() -> None:
    rates = [100.0 * 1.03**place for place in range(6)]
    groups = grouped([step(rate) for rate in reversed(rates)])
    assert [[run["rate"] for run in group] for group in groups] == [rates[:2], rates[2:4], rates[4:]]


def test_a_percentile_that_never_came_is_infinite() -> None:
    (point,) = line(with_steps([step(100.0, None)]), "ray")
    assert point.p99_ms == math.inf
    assert point.p50_ms == 5.0


def test_half_of_the_best_peers_rate_is_a_point_of_those_who_were_asked_for_it() -> None:
    result = bench_result()
    first = [next(line(result, system)).answers_per_s for system in ("shortlist", "fastapi")]
    assert first == pytest.approx([0.9 * result["half_rate"]["rate"]] * 2)
    assert next(line(result, "ray")).answers_per_s < first[0]


def test_a_lone_caller_asks_as_often_as_it_is_answered() -> None:
    result = bench_result(1)
    result["rounds"][0]["systems"]["ray"]["sequential"] = {"p50_ms": 4.0, "p99_ms": 9.0}
    point = lone(result, "ray")
    assert point is not None
    assert (point.answers_per_s, point.p50_ms, point.p99_ms) == (250.0, 4.0, 9.0)
    assert lone(result, "nobody") is None


def test_the_layers_stand_around_the_stages_of_a_lone_call_and_not_around_a_batch() -> None:
    stages = bench_result()["scenarios"]["stages"]
    alone, together = (list(bars(stages, batch)) for batch in (1, 32))
    assert [bar.name for bar in alone if bar.is_layer] == ["front door", "servicer", "answer"]
    assert [bar.name for bar in alone][0 :: len(alone) - 1] == ["front door", "answer"]
    assert not any(bar.is_layer for bar in together)
    assert sum(bar.took_us for bar in together) == pytest.approx(sum(stages["32"].values()))


@pytest.mark.parametrize(
    ("scenario", "left", "plot"),
    [("overload", "native", "overload"), ("index_tuning", "100000", "index")],
)
def test_a_curve_alone_is_a_picture_as_well(scenario: str, left: str, plot: str, tmp_path: Path) -> None:
    result = bench_result(1)
    result["scenarios"] = {scenario: {left: result["scenarios"][scenario][left]}}
    assert write_plots(result, tmp_path) == ["latency", plot]


def test_what_was_not_measured_is_not_drawn(tmp_path: Path) -> None:
    assert write_plots({"rounds": [], "half_rate": None, "scenarios": {}}, tmp_path) == []
    assert list(tmp_path.iterdir()) == []
