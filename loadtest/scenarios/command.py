"""The command of every scenario: measure on the workload, print JSON."""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console

from loadtest.machine import describe
from loadtest.workload import ITEMS, Workload, workload
from shortlist.core.errors import ShortlistError
from shortlist.local.signals import ended_by_signals

Scenario = Callable[[Workload, Console], dict[str, Any]]
"""Measures on a workload, says on the console where it is, and gives figures for JSON."""


def run(scenario: Scenario, description: str | None, longer: Scenario | None = None) -> int:
    """Run a scenario as a command; the exit status is 1 with one sentence where it cannot be measured.

    Args:
        scenario: What is measured.
        description: What the command says of itself.
        longer: What `--long` measures instead; None: there is no such flag.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=ITEMS, help="of the workload")
    if longer is not None:
        parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    chosen = longer if longer is not None and options.long else scenario
    console, machine = Console(stderr=True), describe()
    try:
        with ended_by_signals():
            work = workload(options.items)
            figures = chosen(work, console)
    except ShortlistError as error:
        console.print(error, style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    json.dump({"machine": machine, "workload": work.facts, "figures": figures}, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0
