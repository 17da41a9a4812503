"""`make loadtest`: Locust on an embedded cluster for a minute, a report in HTML, a table on the screen.

Options that are not ours go to Locust, after the defaults: `--users 200`, or `--loop open --rate 150 --shape spike`.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from loadtest.locusting.outcomes import DEGRADED
from loadtest.locusting.results import Results, Row
from loadtest.machine import describe
from loadtest.serving import FREE
from shortlist.core.errors import ShortlistError
from shortlist.local.embedded import RankerChoice, embedded_cluster
from shortlist.local.process import Process
from shortlist.local.signals import ended_by_signals

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
USERS = 50
"""About as many calls a second, since a user thinks for a second."""
_GRACE_S = 60.0
"""Beyond the run time: Locust's start, calls in flight at the end, the report."""


def run(release: Path, host: str, out: Path, run_time_s: int, more: Sequence[str] = ()) -> Results:
    """Drive a gateway with Locust in a process of its own; write report.html, calls.csv and locust.log.

    Args:
        release: Whose users and items are asked for.
        host: The gateway, host:port.
        out: The directory to write to.
        run_time_s: How long, in seconds.
        more: Options of Locust's and ours.

    Raises:
        StartError: Locust did not run, or counted no call.
    """
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "results.json"
    for old in (kept, out / "locust.log"):
        old.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"),
        *("--host", host, "--release", str(release), "--users", str(USERS), "--spawn-rate", str(USERS)),
        *more,
        *("--run-time", f"{run_time_s}s", "--html", str(out / "report.html"), "--results", str(kept)),
        *("--exit-code-on-error", "0"),  # failed calls are in the results; another status is Locust's own failure
    ]
    process = Process("locust", command, {}, out / "locust.log")
    try:
        process.wait_done(run_time_s + _GRACE_S)
        results = Results.read(kept)
        if not results.rows[-1].count:
            raise process.failure("counted no call")
    finally:
        process.stop(_GRACE_S)
    write_csv(results, out / "calls.csv")
    return results


def write_csv(results: Results, path: Path) -> None:
    """Write the lines of the table, unrounded."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in results.rows)


def table_of(results: Results, title: str) -> Table:
    """Lay the lines out, a method's degraded answers below it and the total apart; it fits 80 columns."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("call", no_wrap=True)
    for heading in ("calls", "failed", "degraded", "per s", "p50", "p90", "p99", "p99.9", "max ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    *calls, total = results.rows
    for row in calls:
        table.add_row(*_cells(row))
    table.add_section()
    table.add_row(*_cells(total))
    return table


def _cells(row: Row) -> list[str]:
    name = "  degraded" if row.call.endswith(DEGRADED) else row.call
    degraded = "" if row.degraded_share is None else f"{row.degraded_share:.2%}"
    latencies = (row.p50_ms, row.p90_ms, row.p99_ms, row.p999_ms, row.max_ms)
    shown = ["-" if latency is None else f"{latency:.{int(latency < 100)}f}" for latency in latencies]
    return [name, str(row.count), str(row.failures), degraded, f"{row.rate:.1f}", *shown]


def show(console: Console, results: Results, title: str, out: Path) -> None:
    """Print the table, the failures by name, and where the report lies."""
    console.print(table_of(results, title))
    for name, failure, count in results.failures:
        console.print(f"{count:,} × {name}: {failure}", style="red", markup=False)
    if results.is_generator_busy:
        console.print("Locust was short of processor time: its own waiting is in these latencies.", style="red")
    console.print(f"report: {out / 'report.html'}   figures: {out / 'calls.csv'}", soft_wrap=True)


def main() -> None:
    """Start the cluster, run Locust, show what it came to; end with 1 where a call failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("var/loadtest"))
    parser.add_argument("--run-time-s", type=int, default=60)
    arguments, more = parser.parse_known_args()
    progress, machine = Console(stderr=True), describe()
    try:
        with (
            ended_by_signals(),
            embedded_cluster(arguments.release, FREE, RankerChoice.AUTO, progress) as (_, addresses),
        ):
            progress.print(f"Locust calls {addresses.gateway} for {arguments.run_time_s} s ...", highlight=False)
            results = run(arguments.release, addresses.gateway, arguments.out, arguments.run_time_s, more)
    except ShortlistError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    title = f"ranked by {addresses.ranker}; servers and Locust share {machine}"
    show(Console(), results, title, arguments.out)
    sys.exit(1 if results.failures else 0)


if __name__ == "__main__":
    main()
