"""What a person sees while training runs, and how long each stage took."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Advance = Callable[[], None]
"""Called after each step of a stage."""


def silently() -> None:
    """Advance nothing."""


class Stages(AbstractContextManager["Stages"]):
    """A bar for each stage, and their durations for the report.

    Args:
        console: Where bars are drawn; None draws nothing.
        clock: Seconds, only ever subtracted.
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._bars = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=console is None,
        )
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> "Stages":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    @contextmanager
    def stage(self, name: str, steps: int = 1) -> Iterator[Advance]:
        """Show a stage while it runs; it gives a function to call after each of its steps."""
        bar = self._bars.add_task(name, total=steps)
        begin = self._clock()
        yield lambda: self._bars.advance(bar)
        # A stage may end early, as training does when it no longer improves.
        self._bars.update(bar, completed=steps)
        self.seconds[name] = round(self._clock() - begin, 2)
