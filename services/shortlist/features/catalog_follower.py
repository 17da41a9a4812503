"""Follows the live catalogue for one server: what changed into the process, and what is applied into its lease.

The lease is judged by this process's monotonic clock, from the moment when a renewal was sent: it ends here before it
ends in the store, whose own clock says when that is. So neither a host whose clock is a minute ahead, nor a process
that was stopped for a while, takes itself for a server in good standing that the store counts no longer.
"""

import logging
import time
from collections.abc import Callable
from typing import Protocol

from shortlist.core.errors import UnavailableError
from shortlist.features.catalog import GONE, LEASE_S, CatalogLog, Position, Records

_LOGGER = logging.getLogger(__name__)
OWN_LEASE_S = 0.75 * LEASE_S
"""An answer that was found good is out before the store stops to wait for it."""
RENEW_S = 0.25 * LEASE_S
WAIT_S = 0.4
"""The longest wait for a change, less than the time between two renewals."""
GATHER_S = 0.04
"""Between two rounds: what changes meanwhile is applied together, since applying copies a number for each item."""
_SETTLE_S, _LOOK_S = 0.05, 0.001
_NOWHERE = Position(b"", 0)


class Applied(Protocol):
    """What changes are applied to."""

    def apply(self, records: Records, sequence: int) -> None:
        """Take changes; every batch that begins from now on sees them."""

    @property
    def settled(self) -> int:
        """The sequence number that every batch under way has seen."""


class Follower:
    """Follows step by step, on one thread; its standing is asked by any.

    Args:
        log: The catalogue.
        applied: Takes changes.
        server: Names this process; no other has the name, nor had.
        on_loss: Called where the catalogue was lost and begins anew.
        clock: Monotonic seconds.
        pause: Waits for seconds.
    """

    def __init__(
        self,
        log: CatalogLog,
        applied: Applied,
        server: str,
        on_loss: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._log, self._applied, self._server, self._on_loss = log, applied, server, on_loss
        self._clock, self._pause = clock, pause
        self._at = _NOWHERE
        self._told = 0
        self._barrier = 0
        self._is_awaited = False
        self._sent_at: float | None = None
        self._good_at: float | None = None

    @property
    def is_in_standing(self) -> bool:
        """Whether this server has a live lease, and has applied all that was acknowledged before it got it."""
        return self._good_at is not None and self._clock() - self._good_at < OWN_LEASE_S

    def step(self) -> float:
        """Take what has changed, or wait a while for it; give the seconds until the next step.

        Raises:
            UnavailableError: the store does not answer.
        """
        if self._at is _NOWHERE:
            self._read_all()
            self._renew()
            return 0.0
        logged = self._log.wait(self._at.sequence, _SETTLE_S if self._is_awaited else WAIT_S)
        if not logged.is_whole:
            _LOGGER.info("changes have left the catalogue's log: all records are read again")
            self._read_all()
        elif logged.item_ids:
            self._take(self._log.read(logged.item_ids), logged.sequence)
        if self._is_awaited:
            self._wait_for_batches()
        if self._is_awaited or self._is_due():
            self._renew()
        return GATHER_S if logged.item_ids else 0.0

    def leave(self) -> None:
        """Give the lease back; where the store does not answer it ends by itself."""
        self._good_at = None
        try:
            self._log.leave(self._server)
        except UnavailableError as error:
            _LOGGER.info("the lease on the catalogue is left to end: %s", error)

    def _take(self, records: Records, sequence: int) -> None:
        self._applied.apply(records, sequence)
        self._at = Position(self._at.epoch, sequence)
        # Whoever takes an item off waits for the servers; for all else the next renewal is soon enough.
        self._is_awaited |= GONE in records.values()

    def _read_all(self) -> None:
        # The position first: what changes while all is read comes again.
        at = self._log.position()
        for records in self._log.pages():
            self._applied.apply(records, at.sequence)
        self._applied.apply({}, at.sequence)
        self._at, self._told, self._is_awaited = at, 0, True

    def _wait_for_batches(self) -> None:
        """Wait, not for long, until the batches that began before the change have ended."""
        ends = self._clock() + _SETTLE_S
        while self._applied.settled < self._at.sequence and self._clock() < ends:
            self._pause(_LOOK_S)

    def _is_due(self) -> bool:
        return self._sent_at is None or self._clock() - self._sent_at >= RENEW_S

    def _renew(self) -> None:
        told = Position(self._at.epoch, min(self._applied.settled, self._at.sequence))
        self._sent_at = sent = self._clock()
        now, had_lease = self._log.renew(self._server, told)
        if now.epoch != self._at.epoch or now.sequence < self._at.sequence:
            self._lose(now)
            return
        self._told = told.sequence
        self._is_awaited &= told.sequence < self._at.sequence
        if not had_lease:
            # Up to here others may have acknowledged what this server has not applied.
            self._barrier = now.sequence
        if told.sequence >= self._barrier:
            self._good_at = sent

    def _lose(self, now: Position) -> None:
        _LOGGER.error(
            "the catalogue in the store was lost after change %d and is at %d: this process keeps what it has applied, "
            "until it ends; send deletions, new items and prices again",
            self._at.sequence,
            now.sequence,
        )
        self._on_loss()
        self._at, self._good_at, self._barrier = _NOWHERE, None, now.sequence
