"""A goal: a figure of the benchmark, what is wanted of it, and how it is read from a result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtest.bench.readings import Figures, Spread, Unit

Read = Callable[[Figures], Sequence[float]]
"""Reads a figure from a whole result: one a round, or one alone; none where it was not measured."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A row of the table.

    Args:
        figure: What is measured.
        wanted: What it shall be, in words.
        unit: How it is written.
        read: Reads it.
        is_enough: Whether a figure meets the goal; None: it is only reported.
    """

    figure: str
    wanted: str
    unit: Unit
    read: Read
    is_enough: Callable[[float], bool] | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A goal and what was measured: the median decides; None where nothing was."""

    goal: Goal
    spread: Spread | None

    @property
    def verdict(self) -> str:
        """Say how it went, for a table."""
        if self.spread is None:
            return "not measured"
        if self.goal.is_enough is None:
            return "reported"
        return "met" if self.goal.is_enough(self.spread.median) else "**missed**"


def judge(goal: Goal, result: Figures) -> Judged:
    """Judge a goal by a result."""
    values = goal.read(result)
    return Judged(goal, Spread.of(values) if values else None)


def at_least(figure: str, bound: float, unit: Unit, read: Read) -> Goal:
    """Want so much or more."""
    return Goal(figure, f"{unit.bound(bound)} or more", unit, read, lambda value: value >= bound)


def at_most(figure: str, bound: float, unit: Unit, read: Read) -> Goal:
    """Want so much or less."""
    return Goal(figure, f"{unit.bound(bound)} or less", unit, read, lambda value: value <= bound)


def reported(figure: str, unit: Unit, read: Read) -> Goal:
    """Want to know it."""
    return Goal(figure, "reported", unit, read)
