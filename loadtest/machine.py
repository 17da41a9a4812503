"""What a figure was measured on."""

import os
from datetime import UTC, datetime
from pathlib import Path

from shortlist.offline.machine import has_vnni, machine


def describe() -> str:
    """Name processor, cores, load and date in one line."""
    return f"{hardware()}, load before start {os.getloadavg()[0]:.2f}, {today()}"


def hardware() -> str:
    """Name processor and cores, and whether it has the instructions for int8."""
    return f"{machine()} ({'AVX512-VNNI' if has_vnni() else 'no VNNI'})"


def today() -> str:
    """Name the date."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def pss_mb(pid: int) -> float:
    """Read a process's proportional set size, in MB: what it holds, shared pages divided by their sharers."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no PSS for process {pid}")
