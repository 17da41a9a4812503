"""What a figure was measured on."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def describe() -> str:
    """Name processor, cores, load and date in one line."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    vnni = "AVX512-VNNI" if "avx512_vnni" in flags else "no VNNI"
    load = os.getloadavg()[0]
    return (
        f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores ({vnni}), "
        f"Python {platform.python_version()}, load before start {load:.2f}, {datetime.now(UTC):%Y-%m-%d}"
    )


def pss_mb(pid: int) -> float:
    """Read a process's proportional set size, in MB: what it holds, shared pages divided by their sharers."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no PSS for process {pid}")
