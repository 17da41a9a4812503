"""The retrieval service's composition root: it alone constructs the adapters, and knows the order of start and stop.

Ready means: the release is verified, its index is loaded and has answered a search; only then is the port bound.
"""

import gc
import logging
from contextlib import ExitStack

import grpc
import numpy as np

from shortlist import __version__
from shortlist.core.errors import StartError
from shortlist.release.bundle import Release
from shortlist.resilience.microbatch import MicroBatcher
from shortlist.retrieval.config import RetrievalSettings
from shortlist.retrieval.filters import Bitmaps
from shortlist.retrieval.open import open_index
from shortlist.retrieval.runner import Job, SearchRunner, reject
from shortlist.retrieval.servicer import METHODS, SERVICES, Servicer
from shortlist.rpc.health import Health
from shortlist.rpc.running import Running
from shortlist.rpc.server import open_front
from shortlist.rpc.services import reflecting
from shortlist.telemetry.exporter import Exporter, new_registry
from shortlist.telemetry.retrieval import RetrievalMetrics

_LOGGER = logging.getLogger(__name__)


class RetrievalServer(Running):
    """A running retrieval service; construct it to start it, `close` to drain and end it.

    Raises:
        ReleaseRefusedError: the release is damaged or does not fit.
        StartError: no release is named, an address is taken, or the device cannot be had.
        UnavailableError: the device does not search.
    """

    def __init__(self, settings: RetrievalSettings) -> None:
        if settings.release is None:
            raise StartError("SHORTLIST_RETRIEVAL_RELEASE: name the directory of the release to search")
        with ExitStack() as stack:
            release = Release.open(settings.release)
            registry = new_registry()
            metrics = RetrievalMetrics(registry, [code.name for code in grpc.StatusCode])
            health = Health(SERVICES)
            exporter = Exporter(registry, settings.metrics_address, lambda: health.is_serving)
            self.metrics_port = stack.enter_context(exporter).port
            index = open_index(release, settings.device)
            stack.callback(index.close)
            index.search(np.zeros((1, index.dimension), np.float32), 1)
            # What is loaded now lives as long as the process: the collector need not look at it again.
            gc.collect()
            gc.freeze()

            batcher: MicroBatcher[Job] = MicroBatcher(
                SearchRunner(index, metrics).run,
                reject,
                workers=settings.workers,
                max_batch=settings.max_batch,
                max_waiting=settings.max_waiting,
                observer=metrics,
            )
            batcher.start()
            stack.callback(batcher.stop, settings.drain_s)
            self._front = open_front(
                settings.front, settings.address, METHODS, services=[health.add_to, reflecting(SERVICES)]
            )
            stack.callback(self._front.stop, settings.drain_s)
            metrics.info.labels(__version__, release.id, index.device).set(1)
            self._front.start(
                Servicer(release.id, index.dimension, batcher, metrics, Bitmaps(release.items.embeddings))
            )
            health.set("ready", True)
            stack.callback(health.drain)
            self._parts = stack.pop_all()
        _LOGGER.info("searching %s on port %d (%s, %s)", release.id, self._front.port, self._front.name, index.device)
