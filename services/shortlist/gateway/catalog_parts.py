"""What a gateway needs to follow the live catalogue and to change it; the composition root makes one."""

import uuid
from contextlib import ExitStack

from prometheus_client import CollectorRegistry

from shortlist.features.catalog_follower import WAIT_S, Follower
from shortlist.features.catalog_store import RedisCatalogLog, RedisCatalogStore
from shortlist.features.config import FeatureSettings
from shortlist.gateway.catalog import LiveCatalogue
from shortlist.gateway.catalog_calls import MAX_CALLS, MAX_WAITING, WORKERS, CatalogRunner
from shortlist.gateway.catalog_jobs import CatalogDesk, CatalogJob, reject
from shortlist.gateway.catalog_readers import Readers
from shortlist.gateway.catalog_waiting import Deletions
from shortlist.release.bundle import Release
from shortlist.resilience.microbatch import MicroBatcher
from shortlist.resilience.recurring import Recurring
from shortlist.telemetry.catalogue import CatalogueMetrics
from shortlist.telemetry.gateway import GatewayMetrics

_LONGEST_PAUSE_S = 1.0
"""Between two attempts to reach the store: answers are stale meanwhile."""
_STOP_S = 2.0


class CatalogueParts:
    """Follows the catalogue from `follow` on, until the stack ends.

    Args:
        release: With room for new items.
        settings: Where the catalogue is.
        metrics: Counts failures.
        registry: For the catalogue's own metrics.
        stack: Ends what is begun.
    """

    def __init__(
        self,
        release: Release,
        settings: FeatureSettings,
        metrics: GatewayMetrics,
        registry: CollectorRegistry,
        stack: ExitStack,
    ) -> None:
        told = CatalogueMetrics(registry)
        self.readers = Readers()
        self.live = LiveCatalogue(release, told, self.readers)
        on_failure = metrics.dependency_errors.labels("catalogue").inc
        log = RedisCatalogLog.connect(settings, WAIT_S)
        stack.callback(log.close)
        self._follower = Follower(log, self.live, uuid.uuid4().hex, told.losses.inc)
        self._following = Recurring("catalogue", self._follower.step, on_failure, longest_pause_s=_LONGEST_PAUSE_S)
        told.stands(lambda: self._follower.is_in_standing)
        # A connection for the worker, and one for the deletions.
        store = RedisCatalogStore.connect(settings, WORKERS + 1)
        stack.callback(store.close)
        desk = CatalogDesk(told, on_failure)
        deletions = Deletions(store, desk, told)
        deletions.start()
        stack.callback(deletions.stop)
        self.batcher: MicroBatcher[CatalogJob] = MicroBatcher(
            CatalogRunner(store, self.live, desk, deletions).run,
            reject,
            workers=WORKERS,
            max_batch=MAX_CALLS,
            max_waiting=MAX_WAITING,
            observer=told,
        )
        self._stack = stack

    def is_stale(self) -> bool:
        """Tell whether this server may show what others have acknowledged to be gone."""
        return not self._follower.is_in_standing

    def follow(self) -> None:
        """Take what the store has now, where it answers, and follow it from then on."""
        self._following.once()
        self._following.start()
        self._stack.callback(self._follower.leave)
        self._stack.callback(self._following.stop, _STOP_S)
