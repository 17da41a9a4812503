"""Figures out of a benchmark's result: what is missing was not measured, and what is there but None never came.

Where calls were not answered a percentile is None; it counts as infinite, so that it is never better than a figure.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unit:
    """How a figure is written.

    Args:
        suffix: Behind the number.
        digits: After the point.
        scale: What a figure is multiplied by.
    """

    suffix: str = ""
    digits: int = 0
    scale: float = 1.0

    def show(self, value: float) -> str:
        """Write a figure."""
        return f"{value * self.scale:,.{self.digits}f}{self.suffix}" if math.isfinite(value) else "infinite"

    def bound(self, value: float) -> str:
        """Write a round number."""
        return f"{value * self.scale:g}{self.suffix}"


PERCENT = Unit(" %", 1, 100.0)
WHOLE_PERCENT = Unit(" %", 0, 100.0)
MS = Unit(" ms", 2)
TIMES = Unit(" times", 2)
MB = Unit(" MB")
COUNT = Unit()


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures, the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Take one or more figures."""
        return cls(statistics.median(values), min(values), max(values))


def told(values: Sequence[float], unit: Unit) -> str:
    """Write the median, the range behind it where there is one, and the unit once; nothing without figures."""
    if not values:
        return ""
    spread = Spread.of(values)
    median, around = unit.show(spread.median), ranged(spread, unit)
    if not around:
        return median
    return f"{median.removesuffix(unit.suffix)} ({around.removesuffix(unit.suffix)}){unit.suffix}"


def ranged(spread: Spread, unit: Unit) -> str:
    """Write the range, the unit once; nothing where both ends are written alike."""
    low, high = unit.show(spread.low), unit.show(spread.high)
    return f"{low.removesuffix(unit.suffix)} to {high}" if low != high else ""


def part(of: Figures, *path: str) -> Any:
    """Follow names inwards; None where one is missing."""
    found: Any = of
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def figure(of: Figures, *path: str) -> float | None:
    """Read a figure; None: not measured, infinite: it never came."""
    inside = part(of, *path[:-1])
    if not isinstance(inside, Mapping) or path[-1] not in inside:
        return None
    value = inside[path[-1]]
    return math.inf if value is None else float(value)


def measured(values: Iterable[float | None]) -> list[float]:
    """Keep what was measured."""
    return [value for value in values if value is not None]


def by_round(rounds: Sequence[Figures] | None, read: Callable[[Figures], float | None]) -> list[float]:
    """Read a figure of each round; those that lack it are left out."""
    return measured(read(figures) for figures in rounds or ())


def ratio(one: float | None, other: float | None) -> float | None:
    """Divide; None where either was not measured. What never came is no better for the other's not coming either."""
    if one is None or other is None:
        return None
    if math.isinf(one) or (other == 0 and one > 0):
        return math.inf
    return one / other if other else 0.0


def share_of_kernels(figures: Figures, system: str, of: str) -> float | None:
    """Divide a system's answers a second by what the bare kernels reached in the same round."""
    answers = figure(figures, "systems", system, of, "answers_per_s")
    return ratio(answers, figure(figures, "kernels", "requests_per_s"))
