"""The consumers' composition root: it alone constructs the adapters, and knows the order of start and stop.

Two threads: one applies events, one merges what is derived. Serving means that both have done their part lately; a
Redis that is down at the start is waited for.
"""

import logging
import os
import secrets
import socket
from contextlib import ExitStack
from typing import Self

from shortlist import __version__
from shortlist.features.config import FeatureSettings
from shortlist.features.consumer import BLOCK_S, Consumer
from shortlist.features.merger import Merger
from shortlist.features.redis_line import Lines, open_pool
from shortlist.resilience.recurring import Recurring
from shortlist.telemetry.exporter import Exporter, new_registry
from shortlist.telemetry.features import DerivationMetrics

_LOGGER = logging.getLogger(__name__)
_TIMEOUT_S = 5.0
"""Of a round trip: nobody waits for an answer here, and one may make Redis apply 8,000 events."""
_LATELY_S = 30.0
_PROTOCOL = 2


class Features:
    """A running consumer of events; construct it to start it, `close` to end it after the batch under way.

    Raises:
        StartError: the metrics address is taken, the URL is none, or the password cannot be read.
    """

    def __init__(self, settings: FeatureSettings) -> None:
        with ExitStack() as stack:
            registry = new_registry()
            metrics = DerivationMetrics(registry)
            name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
            lines = Lines(open_pool(settings, 2, _PROTOCOL, BLOCK_S + _TIMEOUT_S), _TIMEOUT_S)
            stack.callback(lines.close)
            consumer = Consumer(lines, name, settings.counted_items, settings.keep_s, metrics)
            merger = Merger(lines, name, settings.merge_s, metrics)
            threads = (
                Recurring("apply", consumer.step, metrics.failures.labels("apply").inc),
                Recurring("merge", merger.step, metrics.failures.labels("merge").inc),
            )
            lately_s = max(_LATELY_S, 20 * settings.merge_s)
            exporter = Exporter(
                registry,
                settings.metrics_address,
                lambda: all(thread.has_succeeded_within(lately_s) for thread in threads),
            )
            self.metrics_port = stack.enter_context(exporter).port
            metrics.info.labels(__version__).set(1)
            for thread in threads:
                thread.start()
                stack.callback(thread.stop, 2 * _TIMEOUT_S)
            self._parts = stack.pop_all()
        _LOGGER.info("deriving from events as %s, metrics on port %d", name, self.metrics_port)

    def close(self) -> None:
        """End both threads after what they are doing."""
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
