"""Recall against latency of the workload's index: the curve of `shortlist index tune`, beyond what is served."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from loadtest.scenarios import command
from loadtest.workload import Workload
from shortlist.offline.release_tuning import EVIDENCE_NAME, tune

LEAST_RECALL = 0.99
"""Beyond the 0.97 that releases are tuned to, so that the curve does not end there."""


def measure(work: Workload, console: Console) -> dict[str, Any]:
    """Tune a workload's index into a release that is thrown away; the evidence by the number of items."""
    with tempfile.TemporaryDirectory() as folder:
        tuned = Path(folder, "tuned")
        for line in tune(work.release_dir, tuned, least_recall=LEAST_RECALL):
            console.print(line, markup=False)
        return {str(work.facts["items"]): json.loads((tuned / EVIDENCE_NAME).read_text())}


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
