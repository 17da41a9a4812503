"""The supervisor: starts parts in order, restarts those that die, and stops them in reverse.

It decides nothing about the parts themselves. It runs on its owner's thread: a part that dies is started again while
the owner is in `watch` or calls `look`.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from shortlist.core.errors import StartError
from shortlist.local.logs import bound
from shortlist.local.parts import Part, Task
from shortlist.local.process import Process
from shortlist.resilience.restarts import RestartBudget

WATCH_INTERVAL_S = 0.2
Report = Callable[[str], None]


class PartStartError(StartError):
    """A part of the cluster cannot start, or cannot stay up."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(reason)
        self.part = part


class Cluster:
    """Parts that run between `with` and its end.

    Args:
        parts: In the order of their start.
        run_dir: Where each part's log goes, as `<name>.log`.
        report: Takes a sentence about each death and restart.
        budget: Makes each part's restart budget.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        run_dir: Path,
        report: Report,
        budget: Callable[[], RestartBudget] = RestartBudget,
    ) -> None:
        self._parts = parts
        self._run_dir = run_dir
        self._report = report
        self._budgets = {part.name: budget() for part in parts}
        self._processes: dict[str, Process] = {}

    def __enter__(self) -> Self:
        try:
            for part in self._parts:
                self._processes[part.name] = self._start(part)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each part that runs, for those who measure them."""
        return {name: process.pid for name, process in self._processes.items()}

    def watch(self) -> NoReturn:
        """Keep the parts running until an exception, such as KeyboardInterrupt, ends it.

        Raises:
            PartStartError: a part died more often than its budget allows.
        """
        while True:
            self.look()
            time.sleep(WATCH_INTERVAL_S)

    def look(self) -> None:
        """Restart each part that has died, and keep the logs bounded.

        Raises:
            PartStartError: a part died more often than its budget allows.
        """
        for part in self._parts:
            process = self._processes[part.name]
            if not process.is_running:
                self._processes[part.name] = self._restart(part, process)
            bound(process.log)

    def stop(self) -> None:
        """Stop what runs, the last started first."""
        for part in reversed(self._parts):
            if process := self._processes.pop(part.name, None):
                process.stop(part.grace_s)

    def _restart(self, part: Part, dead: Process) -> Process:
        dead.stop(part.grace_s)  # its helpers may live yet
        what = f"{part.name} {dead.ending}"
        while (delay_s := self._budgets[part.name].take(time.monotonic())) is not None:
            self._report(f"{what}; starting it again in {delay_s:.1f} s")
            time.sleep(delay_s)
            try:
                process = self._start(part)
            except PartStartError as error:
                what = str(error)
            else:
                self._report(f"{part.name} is ready again")
                return process
        raise PartStartError(part.name, f"{part.name} dies again and again; the last time: {what}")

    def _start(self, part: Part) -> Process:
        process = Process(part.name, part.command, part.environment, self._run_dir / f"{part.name}.log")
        try:
            process.wait_ready(part.probe, part.ready_timeout_s)
            if part.on_ready is not None:
                self._run(part.on_ready)
        except StartError as error:
            process.stop(part.grace_s)
            raise PartStartError(part.name, str(error)) from error
        except BaseException:
            process.stop(part.grace_s)
            raise
        return process

    def _run(self, task: Task) -> None:
        process = Process(task.name, task.command, task.environment, self._run_dir / f"{task.name}.log")
        try:
            process.wait_done(task.timeout_s)
        finally:
            process.stop(grace_s=1.0)
