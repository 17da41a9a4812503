"""A service in the foreground of its process: `python -m shortlist.<service>`; SIGTERM and Ctrl-C drain it."""

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from shortlist.core.errors import ShortlistError
from shortlist.telemetry.logs import log_to_stderr


def serve_in_foreground(name: str, start: Callable[[], AbstractContextManager[object]]) -> int:
    """Serve until a signal; the exit status is 1 where the service cannot start, with the reason in one line.

    Args:
        name: The logger's.
        start: Reads the settings and starts the service; the context ends it.
    """
    log_to_stderr()
    logger = logging.getLogger(name)
    stopped, started = threading.Event(), threading.Event()

    def on_signal(*_: object) -> None:
        stopped.set()
        if not started.is_set():  # nothing to drain yet: unwind what there is
            raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    try:
        with start():
            started.set()
            stopped.wait()
            logger.info("draining")
    except ShortlistError as error:
        logger.error("cannot start: %s", error)  # noqa: TRY400  # the sentence is the message
        return 1
    return 0
