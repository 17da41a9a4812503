"""Every sensible way to run each peer, measured in a closed loop; the best of each is what we are compared with.

    python -m loadtest.peers.sweep [--peer NAME] [--seconds 2]

Points that the JSON already has, of the same workload, are not measured again; the file is written after each. A
point's figure is the highest throughput of its levels (calls in flight, all from one process) at which p99 was under
50 ms. Left out, because they do not exist:

- a wait without a batch: nothing is gathered;
- a wait in BentoML: its dispatcher decides that itself;
- a pool of threads in LitServe: a worker is a loop of its own process.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from loadtest.arrivals import ordered, user_id
from loadtest.generator.run import Pace, Target
from loadtest.machine import describe
from loadtest.peers.environments import PEERS
from loadtest.peers.run import Endpoint, PeerChoice, running
from loadtest.saturation import P99_LIMIT_MS, in_own_process, is_kept
from loadtest.serving import valkey
from loadtest.workload import Workload, workload
from shortlist.core.errors import StartError

RESULTS = Path(__file__).with_name("sweep.json")
LEVELS = (16, 40, 80)
"""Calls in flight: where p99 crosses 50 ms depends on the peer; at 80 it takes 1,600 answers a second not to."""
_SECONDS, _WARM_UP_S = 2.0, 1.0
_MOST_CALLS_PER_S = 5_000
_SEED = 11

Point = dict[str, Any]


def choices(peer: str) -> Iterator[PeerChoice]:
    """List the ways to run a peer."""
    pools = (False,) if peer == "litserve" else (False, True)
    waits: Sequence[float | None] = (None,) if peer == "bentoml" else (0.0, 1.0, 5.0)
    for workers, has_pool in product((1, 2), pools):
        yield PeerChoice(workers, 1, None, has_pool)
        for batch, wait_ms in product((8, 32), waits):
            yield PeerChoice(workers, batch, wait_ms, has_pool)


def measure(endpoint: Endpoint, work: Workload, redis: str, seconds: float) -> Point:
    """Measure a running peer at each level; the figure is the best that kept p99.

    Raises:
        StartError: not one call was answered; that is a mistake of ours, and no figure.
    """
    target = Target(endpoint.address, max(LEVELS), endpoint.path, redis=redis, rows=work.rows_path)
    arrivals = ordered(round(_MOST_CALLS_PER_S * (seconds + _WARM_UP_S)), _SEED, users=work.users)
    levels = []
    for in_flight in LEVELS:
        result = in_own_process(target, arrivals, Pace(in_flight, seconds + _WARM_UP_S, _WARM_UP_S))
        reads = result["reads"]
        levels.append(
            {
                "in_flight": in_flight,
                "answers_per_s": round(reads["answered_per_s"], 1),
                "p50_ms": reads["latency_ms"]["p50"],
                "p99_ms": reads["latency_ms"]["p99"],
                "is_kept": is_kept(result),
                "outcomes": reads["outcomes"],
                "generator_cpu_share": round(result["generator_cpu_share"], 3),
            }
        )
    if not any(level["answers_per_s"] for level in levels):
        raise StartError(f"not one call was answered: {levels[0]['outcomes']}")
    kept = [level["answers_per_s"] for level in levels if level["is_kept"]]
    return {"answers_per_s": max(kept, default=0.0), "levels": levels}


def best_of(points: Sequence[Point]) -> dict[str, Point]:
    """Pick each peer's point with the most answers a second; a peer of which no point kept p99 is missing."""
    best: dict[str, Point] = {}
    for point in points:
        held = best.get(point["peer"])
        if point["answers_per_s"] > (held["answers_per_s"] if held else 0.0):
            best[point["peer"]] = point
    return best


def best_choices(path: Path = RESULTS) -> dict[str, PeerChoice]:
    """Read how each peer is at its best."""
    points = best_of(json.loads(path.read_text())["points"])
    return {peer: PeerChoice(**point["choice"]) for peer, point in points.items()}


def sweep(peers: Sequence[str], work: Workload, seconds: float, out: Path, console: Console) -> list[str]:
    """Measure what is missing and write it; return what could not be measured, in a sentence each."""
    points: list[Point] = json.loads(out.read_text())["points"] if out.exists() else []
    points = [point for point in points if point["workload"] == work.facts]
    done = {(point["peer"], PeerChoice(**point["choice"])) for point in points}
    missing = [key for peer in peers for key in ((peer, choice) for choice in choices(peer)) if key not in done]
    failed: list[str] = []
    with (
        tempfile.TemporaryDirectory() as run_dir,
        valkey(work, Path(run_dir)) as store,
        Progress(console=console) as progress,
    ):
        for peer, choice in progress.track(missing, description="sweep"):
            machine = describe()
            try:
                with running(peer, choice, work.release_dir, store.url, user_id(0), progress.console) as endpoint:
                    measured = measure(endpoint, work, store.address, seconds)
            except StartError as error:
                failed.append(f"{peer} {choice}: {error}")
                continue
            points.append(
                {"peer": peer, "choice": asdict(choice), "machine": machine, "workload": work.facts, **measured}
            )
            _write(out, points)
            progress.console.print(f"{peer} {choice}: {measured['answers_per_s']:,.0f} a second", markup=False)
    return failed


def _write(out: Path, points: Sequence[Point]) -> None:
    best: Mapping[str, Point] = best_of(points)
    shown = {peer: {"choice": point["choice"], "answers_per_s": point["answers_per_s"]} for peer, point in best.items()}
    unfinished = out.with_suffix(".partial")
    unfinished.write_text(json.dumps({"p99_limit_ms": P99_LIMIT_MS, "best": shown, "points": points}, indent=1) + "\n")
    unfinished.replace(out)


def main() -> None:
    """Sweep; the exit status is 1 where a point could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=PEERS, action="append", help="this one alone; may be given several times")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="of each level")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    console = Console(stderr=True)
    failed = sweep(arguments.peer or PEERS, workload(), arguments.seconds, arguments.out, console)
    for sentence in failed:
        console.print(sentence, style="red", markup=False)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
