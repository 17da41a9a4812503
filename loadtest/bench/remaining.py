"""How long a benchmark will take yet: each part is expected to take its usual time, times what the ones before took."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from loadtest.bench.rounds import AT_HALF_RATE
from loadtest.bench.systems import System
from loadtest.peers.environments import PEERS

_SPEED_OVER_S = 3_600.0


def usual_s(seconds: float) -> dict[str, float]:
    """Tell how long each part usually takes, in seconds, where a step takes so many."""
    around_s = 2.5  # a generator's start, its warm-up, the last answers
    return {
        "kernels": 2 * (0.8 * seconds + 2.0),
        "start": 8.0 + 0.4 * seconds,
        "sequential": 0.4 * seconds + around_s,
        "saturation": 6 * (seconds + around_s),
        "batch": 0.6 * seconds + around_s,
        "half rate": 8.0 + 1.4 * seconds + around_s,
        "scenario": 60.0,
    }


def parts_of(systems: Sequence[System], rounds: int, scenarios: int) -> list[str]:
    """List the parts of a whole run."""
    of_round = ["kernels"]
    for system in systems:
        of_round += ["start", "sequential"]
        of_round += ["saturation"] * system.is_saturated + ["batch"] * system.has_batches
    names = {system.name for system in systems}
    at_half_rate = (len(names & set(AT_HALF_RATE)) + 1) if names & set(PEERS) else 0
    return of_round * rounds + ["half rate"] * (at_half_rate * rounds) + ["scenario"] * scenarios


class Remaining:
    """A bar on a console, between `with` and its end.

    Args:
        console: Takes it.
        parts: Of the whole run.
        seconds: Of a step.
    """

    def __init__(self, console: Console, parts: Sequence[str], seconds: float) -> None:
        self._usual_s = usual_s(seconds)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            speed_estimate_period=_SPEED_OVER_S,
        )
        self._task = self._progress.add_task("", total=sum(self._usual_s[part] for part in parts))
        self._running: str | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, part: str, of: str) -> None:
        """Say what begins; what ran before has ended."""
        if self._running is not None:
            self._progress.advance(self._task, self._usual_s[self._running])
        self._progress.update(self._task, description=f"{part}: {of}")
        self._running = part
