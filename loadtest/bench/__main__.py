"""`python -m loadtest.bench`: measure every system in rounds beside the bare kernels, then the scenarios; report.

The figures are in the JSON after every step; only a run that was not interrupted is a result (`is_complete`). Where
nothing is left out or shortened, the report goes to docs, and otherwise beside the JSON.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from rich.console import Console

from loadtest.bench import report
from loadtest.bench.goals import table
from loadtest.bench.meter import BATCH, Figures, Meter
from loadtest.bench.remaining import Remaining, parts_of
from loadtest.bench.rounds import Rounds
from loadtest.bench.scenarios import SCENARIOS
from loadtest.bench.systems import SYSTEMS, Ground, best_ways, prepare, systems
from loadtest.kernels import measure
from loadtest.machine import hardware, today
from loadtest.scenarios.command import Scenario
from loadtest.serving import valkey
from loadtest.workload import ROOT, Workload, workload
from shortlist.core.errors import ShortlistError
from shortlist.local.signals import ended_by_signals

ROUNDS, SECONDS = 5, 4.0
DOCS = Path("docs")


def run(
    work: Workload,
    names: Sequence[str],
    rounds: int,
    seconds: float,
    scenarios: Mapping[str, Scenario],
    out: Path,
    console: Console,
) -> Figures:
    """Measure and give the result, which is in the file by then.

    Args:
        work: The workload.
        names: Of the systems.
        rounds: How many.
        seconds: Of a step; see `meter`.
        scenarios: Follow the rounds; each gives its figures.
        out: The JSON.
        console: Takes a bar with the time left.

    Raises:
        ShortlistError: a system or the generator does not start; what was measured is in the file.
    """
    result: Figures = {
        "machine": hardware(),
        "date": today(),
        "load_before": os.getloadavg()[0],
        "workload": work.facts,
        "is_complete": False,
        "rounds": [],
        "half_rate": None,
        "scenarios": {},
        "unmeasured": {},
    }
    ways = best_ways(names)
    prepare(names, console)
    with ExitStack() as stack:
        run_dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = stack.enter_context(valkey(work, run_dir))
        chosen = systems(names, ways, Ground(work, store, run_dir, console))
        remaining = stack.enter_context(Remaining(console, parts_of(chosen, rounds, len(scenarios)), seconds))
        plan = Rounds(
            chosen,
            result,
            meter=lambda seed: Meter(seed, work.users, seconds),
            kernels=partial(measure, work, BATCH, 0.8 * seconds),
            begin=remaining.begin,
            keep=partial(keep, result, out),
        )
        plan.run(rounds)
        plan.run_half_rates(rounds)
        for name, scenario in scenarios.items():
            remaining.begin("scenario", name)
            try:
                result["scenarios"][name] = scenario(work, console)
            except ShortlistError as error:  # the report says that it was not measured
                result["unmeasured"][name] = str(error)
                console.print(f"{name}: {error}", style="red", markup=False)
            keep(result, out)
    result["is_complete"] = True
    keep(result, out)
    return result


def keep(result: Figures, out: Path) -> None:
    """Write the result; a reader finds the one before or this one, whole."""
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_suffix(".partial")
    unfinished.write_text(json.dumps(result, indent=1) + "\n")
    unfinished.replace(out)


def _report(result: Figures, out_dir: Path) -> None:
    report.write(result, out_dir)
    print("\n".join(table(result)))  # noqa: T201  # the command's output


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def main() -> int:
    """Run the command; 1 with one sentence where it cannot."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--systems", type=_names, default=SYSTEMS, help="separated by commas; default: all")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a step at one rate")
    parser.add_argument("--out", type=Path, default=ROOT / "result.json")
    parser.add_argument("--no-scenarios", action="store_true")
    options = parser.parse_args()
    console = Console(stderr=True)
    scenarios = {} if options.no_scenarios else SCENARIOS
    is_long = options.rounds >= ROUNDS and options.seconds >= SECONDS
    is_whole = is_long and set(options.systems) == set(SYSTEMS) and not options.no_scenarios
    try:
        with ended_by_signals():
            result = run(workload(), options.systems, options.rounds, options.seconds, scenarios, options.out, console)
            _report(result, DOCS if is_whole else options.out.parent)
    except ShortlistError as error:
        console.print(error, style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print(f"interrupted; what was measured is in {options.out}", markup=False)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
