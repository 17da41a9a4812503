"""Events for tests, what Redis makes of them, and a plain fold that its function must agree with."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import redis

from shortlist.core.arrays import F32
from shortlist.core.keys import item_key
from shortlist.core.types import EventType
from shortlist.features.config import FeatureSettings
from shortlist.features.encode import counters_of
from shortlist.features.event_store import RedisEventStore
from shortlist.features.events import Recorded, UserEvent
from shortlist.features.keys import aside_key, event_ids_key, shard_of, stream_key, user_key
from shortlist.features.row import EVENT_DTYPE, MAX_EVENTS, UserRow

START_S = 1_700_000_000
USER = "ann"


def user_event(
    event_id: str,
    item_id: str = "item-003",
    time_s: int = START_S,
    event_type: EventType = EventType.CLICK,
    value: float = 0.0,
    user_id: str = USER,
) -> UserEvent:
    """Make an event; the stream keeps its id."""
    return UserEvent(event_id, user_id, item_id, event_type, time_s, value, event_id.encode())


@dataclass
class PlainFold:
    """Folds events of one user one by one, without a limit on ids; impressions are logged alone."""

    held: list[tuple[int, int, float, int]] = field(default_factory=list)
    """As EVENT_DTYPE has them, newest first."""
    accepted: list[UserEvent] = field(default_factory=list)
    done: list[UserEvent] = field(default_factory=list)
    """What of it is no impression."""
    version: int = 0

    def record(self, events: Sequence[UserEvent]) -> list[Recorded]:
        """Fold the events of one call."""
        known = {event.event_id for event in self.accepted}
        are_known = []
        for event in events:
            are_known.append(event.event_id in known)
            known.add(event.event_id)
        new = [event for event, is_known in zip(events, are_known, strict=True) if not is_known]
        done = [event for event in new if event.type is not EventType.IMPRESSION]
        for event in done:
            self._insert((item_key(event.item_id), event.time_s, float(np.float32(event.value)), int(event.type)))
        self.accepted += new
        self.done += done
        self.version += bool(done)
        return [Recorded(self.version, is_known) for is_known in are_known]

    def _insert(self, event: tuple[int, int, float, int]) -> None:
        key, time_s, _, kind = event
        alike = [held for held in self.held if (held[0], held[3]) == (key, kind)]
        if any(held[1] > time_s for held in alike):
            return
        others = [held for held in self.held if held not in alike]
        self.held = sorted([event, *others], key=lambda held: -held[1])[:MAX_EVENTS]

    @property
    def counters(self) -> F32:
        """What the counters are, as of the newest event."""
        events = np.zeros(len(self.done), EVENT_DTYPE)
        events["time"] = [event.time_s for event in self.done]
        events["value"] = [event.value for event in self.done]
        return counters_of(events, self.counters_time)

    @property
    def counters_time(self) -> int:
        """When the newest event was."""
        return max(event.time_s for event in self.done)


def assert_folded(row: UserRow | None, fold: PlainFold) -> None:
    """See that a row is what the plain fold makes of the same events: none where there were impressions alone."""
    if row is None:
        assert not fold.done
        return
    assert row.events.tolist() == fold.held
    assert row.version == fold.version
    assert row.counters_time == fold.counters_time
    total = sum(abs(event.value) for event in fold.done)
    np.testing.assert_allclose(row.counters, fold.counters, rtol=1e-5, atol=1e-6 * (1.0 + total))


class Shelf:
    """A store of events and the Redis that it writes to."""

    def __init__(self, client: redis.Redis, settings: FeatureSettings) -> None:
        self.client, self.bad_rows = client, 0
        self.store = RedisEventStore.connect(settings, self._count)

    def _count(self) -> None:
        self.bad_rows += 1

    def record(self, *events: UserEvent) -> list[Recorded]:
        """Record events that the store must take."""
        outcomes = self.store.record(events)
        recorded = [outcome for outcome in outcomes if isinstance(outcome, Recorded)]
        assert len(recorded) == len(outcomes), outcomes
        return recorded

    def row(self, user_id: str = USER) -> UserRow:
        """Read the row that a user has."""
        row = self.row_if_any(user_id)
        assert row is not None
        return row

    def row_if_any(self, user_id: str = USER) -> UserRow | None:
        """Read a user's row."""
        value = self.client.get(user_key(user_id))
        return UserRow.decode(value) if isinstance(value, bytes) else None

    def stream(self, user_id: str = USER) -> list[bytes]:
        """Read what the stream of the user's shard holds."""
        entries: Any = self.client.xrange(stream_key(shard_of(user_id)))
        return [fields[b"event"] for _, fields in entries]

    def forget(self, *user_ids: str) -> None:
        """Delete what is known of users, and the streams of their shards."""
        for user_id in user_ids:
            of_user = (user_key(user_id), event_ids_key(user_id), aside_key(user_id))
            self.client.delete(*of_user, stream_key(shard_of(user_id)))


@contextmanager
def shelf(url: str, stream_length: int = 100_000) -> Iterator[Shelf]:
    """Open a store over a Redis until the end of the `with`."""
    settings = FeatureSettings(redis_url=url, events_timeout_s=5.0, stream_length=stream_length)
    with redis.Redis.from_url(url) as client:
        opened = Shelf(client, settings)
        with closing(opened.store):
            yield opened
