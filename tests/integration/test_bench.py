"""The benchmark with real parts and no time: what it starts answers, every figure is there, and nothing is left."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from loadtest.bench.__main__ import run
from loadtest.scenarios.testbed import NotMeasuredError
from loadtest.serving import gateways, processes_of, valkey
from loadtest.workload import Workload
from rich.console import Console

from shortlist.client import Client

_SECONDS = 0.25


def _quiet() -> Console:
    return Console(file=io.StringIO())


def test_a_round_of_the_gateway_gives_every_figure_with_its_steps(small_workload: Workload, tmp_path: Path) -> None:
    def scenario(work: Workload, console: Console) -> dict[str, Any]:
        return {"items": work.facts["items"]}

    out = tmp_path / "deep" / "result.json"
    run(small_workload, ("shortlist",), 1, _SECONDS, {"played": scenario}, out, _quiet())
    result = json.loads(out.read_text())
    assert set(result) == {
        *("machine", "date", "load_before", "workload", "is_complete", "rounds", "half_rate", "scenarios"),
        "unmeasured",
    }
    assert result["is_complete"]
    assert result["workload"] == small_workload.facts | {"candidate_dense": result["workload"]["candidate_dense"]}
    assert result["scenarios"] == {"played": {"items": 3_000}}
    (figures,) = result["rounds"]
    assert figures["kernels"]["requests_per_s"] > 0
    ours = figures["systems"]["shortlist"]
    assert set(ours["sequential"]["outcomes"]) == {"ok"}
    assert 0 < ours["sequential"]["p50_ms"] <= ours["sequential"]["p99_ms"]
    for step in ours["saturation"]["steps"]:
        assert {
            *("rate", "answers_per_s", "p50_ms", "p99_ms", "outcomes", "generator_cpu_share"),
            "server_cpu_ms_an_answer",
        } <= set(step)
    assert ours["batch"]["outcomes"]["ok"] % 32 == 0
    assert ours["batch"]["answers_per_s"] > 0
    assert 0 < ours["batch"]["server_cpu_ms_an_answer"] < 100
    assert ours["pss_mb"] > 10


def test_an_interrupted_run_is_no_result(small_workload: Workload, tmp_path: Path) -> None:
    def interrupted(work: Workload, console: Console) -> dict[str, Any]:
        raise KeyboardInterrupt

    out = tmp_path / "result.json"
    with pytest.raises(KeyboardInterrupt):
        run(small_workload, (), 0, _SECONDS, {"first": lambda *_: {"is": 1}, "second": interrupted}, out, _quiet())
    result = json.loads(out.read_text())
    assert not result["is_complete"]
    assert result["scenarios"] == {"first": {"is": 1}}


def test_a_scenario_that_cannot_be_measured_is_named_and_the_next_one_runs(
    small_workload: Workload, tmp_path: Path
) -> None:
    def unmeasurable(work: Workload, console: Console) -> dict[str, Any]:
        raise NotMeasuredError("too few answers")

    out = tmp_path / "result.json"
    run(small_workload, (), 0, _SECONDS, {"first": unmeasurable, "second": lambda *_: {"is": 2}}, out, _quiet())
    result = json.loads(out.read_text())
    assert result["is_complete"]
    assert result["scenarios"] == {"second": {"is": 2}}
    assert result["unmeasured"] == {"first": "too few answers"}


@pytest.mark.parametrize("ranker", ["onnxruntime", "triton"])
def test_servers_of_a_benchmark_answer_and_leave_nothing(
    ranker: Any, small_workload: Workload, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if ranker == "triton":
        request.getfixturevalue("triton")  # skips where Triton cannot run
    workers = 2 if ranker == "onnxruntime" else 1
    with (
        valkey(small_workload, tmp_path) as store,
        gateways(small_workload.release_dir, store.url, tmp_path, ranker=ranker, workers=workers) as server,
    ):
        with Client(server.address, caller="bench", timeout_s=10.0) as client:
            answer = client.recommend("user-0000007", limit=20)
        assert answer.ranker == ranker
        assert not answer.degraded
        assert not answer.cold_start
        assert len(server.gateway_pids) == workers
        assert set(server.gateway_pids) < set(server.pids), "a supervisor, or Triton with its stub"
        assert server.cpu_s() > 0.1
        assert server.pss_mb() > 20
        leaders = server.leaders
    assert processes_of(leaders) == []
    assert server.cpu_s() == 0
