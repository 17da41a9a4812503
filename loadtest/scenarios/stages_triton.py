"""The stages and layers of `stages`, with the ranker on Triton: the stage "rank" is a call and Triton's work."""

import sys
from typing import Any

from rich.console import Console

from loadtest.scenarios import command, stages
from loadtest.workload import Workload


def measure(work: Workload, console: Console, *, seconds: float = stages.SECONDS) -> dict[str, Any]:
    """Measure as `stages.measure` does."""
    return stages.measure(work, console, seconds=seconds, ranker="triton")


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
