"""Run the gateway in the foreground: `python -m shortlist.gateway`; SIGTERM and Ctrl-C drain it."""

import logging
import signal
import sys
import threading

from shortlist.core.errors import ShortlistError
from shortlist.gateway.app import Gateway
from shortlist.gateway.config import FeatureSettings, GatewaySettings, RankingSettings, RetrievalSettings
from shortlist.telemetry.logs import log_to_stderr

_LOGGER = logging.getLogger("shortlist.gateway")


def main() -> int:
    """Serve until a signal; 1 where the gateway cannot start, with the reason in one line."""
    log_to_stderr()
    stopped, started = threading.Event(), threading.Event()

    def on_signal(*_: object) -> None:
        stopped.set()
        if not started.is_set():  # nothing to drain yet: unwind what there is
            raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    try:
        settings = GatewaySettings(), FeatureSettings(), RetrievalSettings(), RankingSettings()
        with Gateway(*settings):
            started.set()
            stopped.wait()
            _LOGGER.info("draining")
    except ShortlistError as error:
        _LOGGER.error("cannot start: %s", error)  # noqa: TRY400  # the sentence is the message
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
