"""A service in the foreground of its process: `python -m shortlist.<service>`; SIGTERM and Ctrl-C drain it."""

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from shortlist.core.errors import ShortlistError
from shortlist.telemetry.logs import log_to_stderr

CANNOT_START = 1
"""The exit status of a service that has said in one line why it cannot start."""


def serve_in_foreground(name: str, start: Callable[[], AbstractContextManager[object]]) -> int:
    """Serve until a signal; the exit status is 1 where the service cannot start, with the reason in one line.

    Args:
        name: The logger's.
        start: Reads the settings and starts the service; the context ends it.
    """
    return run_in_foreground(name, lambda: serve_until_signal(name, start))


def run_in_foreground(name: str, run: Callable[[], int]) -> int:
    """Run to the end, with logs; the exit status is what `run` returns, or 1 and a line where it cannot start."""
    log_to_stderr()
    try:
        return run()
    except ShortlistError as error:
        logging.getLogger(name).error("cannot start: %s", error)  # noqa: TRY400  # the sentence is the message
        return CANNOT_START


def serve_until_signal(name: str, start: Callable[[], AbstractContextManager[object]]) -> int:
    """Serve until a signal and drain; the exit status is 0. What `start` raises passes through."""
    stopped, started = threading.Event(), threading.Event()

    def on_signal(*_: object) -> None:
        stopped.set()
        if not started.is_set():  # nothing to drain yet: unwind what there is
            raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    with start():
        started.set()
        stopped.wait()
        logging.getLogger(name).info("draining")
    return 0
