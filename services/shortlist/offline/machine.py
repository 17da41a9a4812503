"""The machine that figures were taken on."""

import os
import platform
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


def machine() -> str:
    """Name processor, cores and interpreter."""
    return f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def processor(cpuinfo: Path = _CPUINFO) -> str:
    """Name the processor as Linux does; only its architecture elsewhere."""
    names = [value for name, value in _fields(cpuinfo) if name == "model name"]
    return names[0] if names else platform.machine()


def has_vnni(cpuinfo: Path = _CPUINFO) -> bool:
    """Tell whether this processor multiplies int8 natively (AVX512-VNNI), which decides what int8 gains."""
    return any("avx512_vnni" in value.split() for name, value in _fields(cpuinfo) if name == "flags")


def _fields(cpuinfo: Path) -> list[tuple[str, str]]:
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    parts = [line.partition(":") for line in lines]
    return [(name.strip(), value.strip()) for name, _, value in parts]
