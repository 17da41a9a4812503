"""docs/benchmarks.md: goals, tables and plots out of the result of `make bench`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from loadtest.arrivals import WRITE_SHARE
from loadtest.bench import goals, scenario_sections, tables
from loadtest.bench.meter import BATCH, BATCHES_IN_FLIGHT
from loadtest.bench.plots import write_plots
from loadtest.bench.readings import MS, WHOLE_PERCENT, Figures
from loadtest.bench.sweep_table import in_words, swept
from loadtest.bench.systems import CONNECTIONS, FASTAPI_INLINE, OURS
from loadtest.peers.environments import PEERS
from loadtest.peers.run import PeerChoice
from loadtest.peers.sweep import RESULTS, Point, best_of
from loadtest.saturation import P99_LIMIT_MS
from loadtest.workload import Workload
from shortlist.core.errors import InputError

NEEDED = ("machine", "date", "load_before", "workload", "is_complete", "rounds", "half_rate", "scenarios")
_PICTURES = {
    "latency": "Latency against throughput, a line for each system",
    "stages": "Where a request's time goes, stage by stage",
    "overload": "Goodput against what is asked for",
    "index": "Recall against latency of the index",
}
_METHOD = f"""## How it was measured

Callers, servers and Valkey share one machine, over loopback. Each round measures the bare kernels, then every system
alone, newly started and warmed up; each round begins with another system. Figures are medians over the rounds, with
the lowest and the highest behind; a ratio is taken within a round, never across rounds.

- **Bare kernels**: FAISS's search and the ranker at batch {BATCH}, both cores busy, without server or Redis.
- **Generator**: a process of its own that takes its part of the same cores, shown below. It sends calls that were
  encoded before over {CONNECTIONS} connections, gRPC to Shortlist and JSON over HTTP/1.1 to the others, with the same
  arrivals to all. {WHOLE_PERCENT.show(WRITE_SHARE)} of the calls are writes of a user's row, which it sends to Valkey
  itself; answers a second are without them.
- **Latency** counts from the moment at which a call was due. A call that is refused, fails or never ends counts as
  infinitely slow: a system that refuses more than one in a hundred has no p99.
- **Highest rate**: an open loop with Poisson arrivals goes up in steps, then halves the gap. A rate is kept where p99
  is under {MS.bound(P99_LIMIT_MS)} and no more than one answer in a hundred is degraded.
- **Sequential**: a lone caller over one connection, no writes.
- **CPU an answer**: processor time of the system's processes, Triton among them, by its answers; Valkey and generator
  are not in it. **PSS** is what these processes hold at the end of the round.
"""
_NOT_THERE = """Not here either: a network, TLS and the edge, a GPU, several machines. The workload is drawn, not
trained, and has two sources of candidates, its tower and what is popular: it says what answers cost, and not what they
are worth, which is in [quality.md](quality.md)."""
_COMPARED = f"""The near cache holds rows of users who were asked for before; `{OURS[2]}` reads every row from Redis, as
the others do. All have the same index, ranker and candidates, one thread each in FAISS and ONNX Runtime."""


def write(result: dict[str, Any], out_dir: Path, sweep: Path = RESULTS) -> None:
    """Write benchmarks.md, and the plots into a folder beside it.

    Args:
        result: As `make bench` keeps it.
        out_dir: Takes both.
        sweep: The ways to run the peers that were tried; there may be none.

    Raises:
        InputError: the result is not complete.
    """
    _refuse_incomplete(result)
    out_dir.mkdir(parents=True, exist_ok=True)
    plots = write_plots(result, out_dir / "benchmarks")
    points: Sequence[Point] = json.loads(sweep.read_text())["points"] if sweep.exists() else ()
    (out_dir / "benchmarks.md").write_text(_tidy(_page(result, points, plots)))


def _refuse_incomplete(result: Figures) -> None:
    if missing := [name for name in NEEDED if name not in result]:
        raise InputError(f"the result lacks {', '.join(missing)}")
    if not result["is_complete"]:
        raise InputError(
            f"the result is not complete: it ended in round {len(result['rounds'])} with "
            f"{len(result['scenarios'])} scenarios measured"
        )


def _page(result: Figures, points: Sequence[Point], plots: Sequence[str]) -> Iterator[str]:
    scenarios = result["scenarios"]
    loads = [figures["load"] for figures in result["rounds"]]
    yield "# Benchmarks\n"
    yield f"`make bench` writes this page again. {result['machine']}, {result['date']}; load before start"
    yield f"{result['load_before']:.2f}, before each round {', '.join(f'{load:.2f}' for load in loads)}."
    yield f"\n{Workload(Path(), dict(result['workload'])).describe()}."
    yield from _picture("latency", plots)
    yield "\n## Goals\n"
    yield "The median decides. The best peer is the best of each round, at its best way of the sweep.\n"
    yield from goals.table(result)
    yield f"\n## Compared\n\n{_COMPARED}\n"
    yield from tables.markdown(("system", "what it is", "how it ran"), _systems(result, points))
    yield from tables.comparison(result)
    yield "\nThe bare kernels:"
    yield from tables.kernels(result)
    if batches := list(tables.batches(result)):
        yield f"\n## RecommendBatch\n\nCalls of {BATCH} users, {BATCHES_IN_FLIGHT} in flight.\n"
        yield from batches
    if half := result["half_rate"]:
        yield "\n## At half of the best peer's rate\n"
        yield f"Open loop, {half['rate']:,.0f} calls a second: half of the median of {half['peer']}'s highest rates.\n"
        yield from tables.half_rate(result)
    for name, lines in scenario_sections.sections(scenarios):
        yield from ("", *lines)
        yield from _picture(name, plots)
    if "index" in plots:
        yield "\n## The index\n\nAs `shortlist index tune` tries its settings."
        yield from _picture("index", plots)
    if points:
        yield "\n## The sweep of the peers\n"
        yield "`make bench-sweep`, a closed loop at several numbers of calls in flight. The first way was measured on"
        yield f"{points[0]['machine']}; the last on {points[-1]['machine']}."
        yield from swept(points)
    yield f"\n{_METHOD}"
    yield from tables.conditions(result)
    yield from ("\n## What was not measured\n", *_not_measured(result, plots))


def _systems(result: Figures, points: Sequence[Point]) -> Iterator[Sequence[str]]:
    best = {peer: PeerChoice(**point["choice"]) for peer, point in best_of(points).items()}
    warm = "near cache on, as it is by default; warm"
    known = {
        OURS[0]: ("Shortlist, ranker in its process", f"one process, native front door, {warm}"),
        OURS[1]: (
            "Shortlist, ranker on Triton from the wheel",
            f"one gateway process, native front door, {warm}",
        ),
        OURS[2]: ("Shortlist, ranker in its process", "the same, near cache off"),
        FASTAPI_INLINE: ("FastAPI", f"{in_words(PeerChoice(wait_ms=None))}; sequential only"),
    }
    frameworks = {"fastapi": "FastAPI, uvicorn", "litserve": "LitServe", "bentoml": "BentoML", "ray": "Ray Serve"}
    for system in tables.systems_of(result):
        if system in PEERS:
            way = f"{in_words(best[system])}; " if system in best else ""
            yield system, f"{frameworks[system]}, the same kernels in its process", f"{way}reads every row from Redis"
        else:
            yield system, *known[system]


def _picture(name: str, plots: Sequence[str]) -> Iterator[str]:
    if name in plots:
        yield f"\n![{_PICTURES[name]}](benchmarks/{name}.png)"


def _not_measured(result: Figures, plots: Sequence[str]) -> Iterator[str]:
    open_goals = [each.goal.figure for each in goals.judged(result) if each.spread is None]
    missing = scenario_sections.missing(result["scenarios"])
    if "index" not in plots:
        missing.append(_PICTURES["index"])
    yield from (f"- goal: {figure}" for figure in open_goals)
    yield from (f"- {title}" for title in missing)
    yield from ("", _NOT_THERE)


def _tidy(lines: Iterator[str]) -> str:
    """Join lines; between two paragraphs is one empty line."""
    kept: list[str] = []
    for line in "\n".join(lines).split("\n"):
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).rstrip() + "\n"
