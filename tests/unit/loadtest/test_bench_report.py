"""The report: it refuses what is not complete, names what was not measured, and shows the pictures that it drew."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from loadtest.bench.report import NEEDED, write
from loadtest.peers.environments import PEERS
from loadtest.peers.run import PeerChoice

from shortlist.core.errors import InputError
from support.bench_results import bench_result

PNG = b"\x89PNG\r\n\x1a\n"
SWEPT = {
    "fastapi": {PeerChoice(2, 32, 1.0): 1_310.0, PeerChoice(1, 1, None): 610.0},
    "bentoml": {PeerChoice(1, 8, None, has_pool=True): 640.0, PeerChoice(1, 1, None): 0.0},
    "ray": {PeerChoice(2, 1, None): 0.0},
}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    points = [
        {"peer": peer, "choice": asdict(choice), "answers_per_s": answers_per_s, "machine": f"a machine for {peer}"}
        for peer, tried in SWEPT.items()
        for choice, answers_per_s in tried.items()
    ]
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps({"points": points}))
    return path


def written(result: dict[str, Any], out: Path, sweep: Path) -> str:
    write(result, out, sweep)
    return (out / "benchmarks.md").read_text()


def test_a_result_that_is_not_complete_is_refused_with_what_it_has(tmp_path: Path, sweep: Path) -> None:
    result = bench_result(2) | {"is_complete": False, "scenarios": {}}
    with pytest.raises(InputError, match=r"not complete: it ended in round 2 with 0 scenarios"):
        write(result, tmp_path / "docs", sweep)
    assert not (tmp_path / "docs").exists()


@pytest.mark.parametrize("name", NEEDED)
def test_a_result_that_lacks_a_part_is_refused_by_its_name(name: str, tmp_path: Path, sweep: Path) -> None:
    result = bench_result(1)
    del result[name]
    with pytest.raises(InputError, match=f"lacks {name}"):
        write(result, tmp_path / "docs", sweep)


def test_the_page_says_on_what_and_how_it_was_measured(tmp_path: Path, sweep: Path) -> None:
    page = written(bench_result(), tmp_path, sweep)
    assert "AMD EPYC, 2 cores" in page
    assert "2026-01-02" in page
    assert "load before start\n0.12, before each round" in page
    assert "IVF256,SQfp16 nprobe 37, recall@200 0.971" in page
    assert "reads every row from Redis, as\nthe others do" in page, "the cache's state"
    assert "10 % of the calls are writes" in page


def test_every_picture_is_shown_and_is_a_png(tmp_path: Path, sweep: Path) -> None:
    shown = re.findall(r"!\[.+\]\((.+\.png)\)", written(bench_result(), tmp_path, sweep))
    drawn = [str(path.relative_to(tmp_path)) for path in (tmp_path / "benchmarks").iterdir()]
    assert sorted(shown) == sorted(drawn)
    assert len(shown) == 4
    for name in shown:
        picture = (tmp_path / name).read_bytes()
        assert picture.startswith(PNG)
        assert len(picture) > 10_000


def test_a_scenario_that_is_missing_has_no_section_and_is_named_as_not_measured(tmp_path: Path, sweep: Path) -> None:
    result = bench_result()
    assert "## Past saturation" in written(result, tmp_path, sweep)
    assert (tmp_path / "benchmarks" / "overload.png").exists()
    del result["scenarios"]["overload"]
    page = written(result, tmp_path, sweep)
    assert "## Past saturation" not in page
    assert "- Past saturation" in page.partition("## What was not measured")[2]
    assert not (tmp_path / "benchmarks" / "overload.png").exists(), "the old picture is gone"


def test_a_peer_is_told_with_its_best_way_and_its_worst(tmp_path: Path, sweep: Path) -> None:
    page = written(bench_result(), tmp_path, sweep)
    best, worst = "2 workers, batches up to 32, wait 1 ms, inline", "1 worker, no batches, inline"
    assert f"| fastapi | 2 | {best} | 1,310 | {worst} | 610 |" in page
    assert "| 1 worker, batches up to 8, its own wait, on a pool of threads | 640 |" in page
    assert "| ray | 1 | none kept p99 under 50 ms |  | 2 workers, no batches, inline | p99 over 50 ms |" in page
    assert f"{best}; reads every row from Redis |" in page, "the system's row has it too"
    assert "a machine for fastapi; the last on a machine for ray" in page


def test_a_system_is_compared_with_ours_of_the_same_round(tmp_path: Path, sweep: Path) -> None:
    result = bench_result(3)
    for figures, ours, theirs in zip(result["rounds"], (4_000.0, 2_000.0, 1_000.0), (500.0, 500.0, 500.0), strict=True):
        figures["systems"]["shortlist"]["saturation"]["answers_per_s"] = ours
        figures["systems"]["ray"]["saturation"]["answers_per_s"] = theirs
    page = written(result, tmp_path, sweep)
    row = next(line for line in page.splitlines() if line.startswith("| ray | 8."))
    assert "| 500 | 0.25 (0.12 to 0.50) times |" in row


def test_how_the_calls_ended_is_counted_and_the_generators_share_is_shown(tmp_path: Path, sweep: Path) -> None:
    result = bench_result(1)
    saturation = result["rounds"][0]["systems"]["ray"]["saturation"]
    saturation["is_generator_bound"] = True
    for step in saturation["steps"]:
        step["outcomes"] = {"ok": 90, "UNAVAILABLE": 10}
        step["generator_cpu_share"] = 0.93
    kept = sum(step["rate"] == saturation["rate"] for step in saturation["steps"])
    assert kept == 1
    assert "| ray | 90 ok, 10 UNAVAILABLE | 93.0 % | 1 of 1 |" in written(result, tmp_path, sweep)


def test_a_system_that_kept_no_rate_has_no_latency_there(tmp_path: Path, sweep: Path) -> None:
    result = bench_result(1)
    saturation = result["rounds"][0]["systems"]["ray"]["saturation"]
    names = ("p50_ms", "p99_ms", "server_cpu_ms_an_answer")
    saturation |= {"rate": 0.0, "answers_per_s": 0.0} | dict.fromkeys(names)
    page = written(result, tmp_path, sweep)
    row = next(line for line in page.splitlines() if line.startswith("| ray | 8."))
    assert "| 0 | 0.00 times | infinite | infinite | infinite |" in row


def test_a_run_of_one_system_without_scenarios_and_sweep_has_its_page(tmp_path: Path) -> None:
    result = bench_result(1) | {"half_rate": None, "scenarios": {}}
    figures = result["rounds"][0]
    figures["systems"] = {"shortlist": figures["systems"]["shortlist"]}
    page = written(result, tmp_path, tmp_path / "none.json")
    assert re.findall(r"!\[.+\]\((.+)\)", page) == ["benchmarks/latency.png"]
    assert "sweep of the peers" not in page
    assert not any(f"| {peer} |" in page for peer in PEERS)
    assert "\n\n\n" not in page


def test_the_same_result_gives_the_same_files(tmp_path: Path, sweep: Path) -> None:
    for name in ("one", "other"):
        write(bench_result(), tmp_path / name, sweep)
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "other" / path.relative_to(tmp_path / "one")).read_bytes()
