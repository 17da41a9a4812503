"""A thread that looks after what changes: the rules file, a Triton that lost the ranker in a restart, breakers."""

import logging
import threading
from collections.abc import Mapping
from typing import Protocol

from shortlist.core.errors import UnavailableError
from shortlist.resilience.breaker import Breaker
from shortlist.telemetry.gateway import GatewayMetrics

_LOGGER = logging.getLogger(__name__)
INTERVAL_S = 1.0


class Loadable(Protocol):
    """A ranker on a server that forgets."""

    def ensure_loaded(self) -> None:
        """Load the model where it is missing; UnavailableError where that cannot be."""


class Watched(Protocol):
    """A file that is read again."""

    def look(self) -> None:
        """Read it again where it has changed."""


class Upkeep:
    """Runs every second between `start` and `stop`."""

    def __init__(
        self,
        ranker: Loadable | None,
        breakers: Mapping[str, Breaker],
        metrics: GatewayMetrics,
        interval_s: float = INTERVAL_S,
        rules: Watched | None = None,
    ) -> None:
        self._ranker, self._breakers, self._metrics, self._rules = ranker, breakers, metrics, rules
        self._interval_s = interval_s
        self._is_down = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a load under way is waited for."""
        self._stopped.set()
        self._thread.join()

    def tick(self) -> None:
        """Look once."""
        for dependency, breaker in self._breakers.items():
            self._metrics.breaker_state.labels(dependency).set(breaker.state)
        if self._rules is not None:
            self._rules.look()
        if self._ranker is None:
            return
        try:
            self._ranker.ensure_loaded()
        except UnavailableError as error:
            if not self._is_down:
                _LOGGER.warning("the ranker is not available: %s", error)
            self._is_down = True
        else:
            if self._is_down:
                _LOGGER.info("the ranker is available again")
            self._is_down = False

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_s):
            try:
                self.tick()
            except Exception:
                _LOGGER.exception("upkeep failed; it goes on")
