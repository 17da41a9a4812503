"""Rankers' variants made up, for the report on compression."""

from shortlist.offline.compression import Compression
from shortlist.offline.metrics import Interval
from shortlist.offline.ranker_comparison import Compared


def compared(us: float, agreement: float = 1.0, *, size: int = 1_000, gain: float = 0.0) -> Compared:
    """Make a variant that takes `us` microseconds at batch 32."""
    interval = Interval(gain, gain - 0.001, gain + 0.001)
    return Compared(size, 0.7 + gain, interval, 1_500, agreement, 2_000, {1: us / 20, 32: us})


def compression(**changed: Compared) -> Compression:
    """Make a result in which the served variant meets all goals; names are with _ for a blank."""
    variants = {
        "fp32": compared(4_000.0),
        "int8 static": compared(2_000.0, 0.99, size=250, gain=-0.001),
        "fp16": compared(5_000.0, 0.999, size=500),
        "distilled fp32": compared(1_000.0, 0.8, size=200, gain=0.002),
    }
    named = {name.replace("_", " "): variant for name, variant in changed.items()}
    return Compression("a machine", has_vnni=True, day="2026-01-02", seed=3, variants=variants | named)
