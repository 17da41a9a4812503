"""Events for tests, what Redis makes of them, and a plain fold that its function must agree with."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import numpy as np
import redis

from shortlist.core.arrays import F32
from shortlist.core.keys import item_key
from shortlist.core.types import EventType
from shortlist.features.config import FeatureSettings
from shortlist.features.encode import counters_of
from shortlist.features.event_store import RedisEventStore
from shortlist.features.events import Recorded, UserEvent
from shortlist.features.keys import event_ids_key, shard_of, stream_key, user_key
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
    """Folds events of one user one by one, without a limit on ids."""

    held: list[tuple[int, int, float, int]] = field(default_factory=list)
    """As EVENT_DTYPE has them, newest first."""
    accepted: list[UserEvent] = field(default_factory=list)
    version: int = 0

    def record(self, events: Sequence[UserEvent]) -> list[Recorded]:
        """Fold the events of one call."""
        known = {event.event_id for event in self.accepted}
        are_known = []
        for event in events:
            are_known.append(event.event_id in known)
            known.add(event.event_id)
        new = [event for event, is_known in zip(events, are_known, strict=True) if not is_known]
        for event in new:
            self._insert((item_key(event.item_id), event.time_s, float(np.float32(event.value)), int(event.type)))
        self.accepted += new
        self.version += bool(new)
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
        events = np.zeros(len(self.accepted), EVENT_DTYPE)
        events["time"] = [event.time_s for event in self.accepted]
        events["value"] = [event.value for event in self.accepted]
        return counters_of(events, self.counters_time)

    @property
    def counters_time(self) -> int:
        """When the newest event was."""
        return max(event.time_s for event in self.accepted)


def assert_folded(row: UserRow, fold: PlainFold) -> None:
    """See that a row is what the plain fold makes of the same events."""
    assert row.events.tolist() == fold.held
    assert row.version == fold.version
    assert row.counters_time == fold.counters_time
    total = sum(abs(event.value) for event in fold.accepted)
    np.testing.assert_allclose(row.counters, fold.counters, rtol=1e-5, atol=1e-6 * (1.0 + total))


class Shelf:
    """A store of events and the Redis that it writes to."""

    def __init__(self, store: RedisEventStore, client: redis.Redis) -> None:
        self.store, self.client = store, client

    def record(self, *events: UserEvent) -> list[Recorded]:
        """Record events that the store must take."""
        outcomes = self.store.record(events)
        recorded = [outcome for outcome in outcomes if isinstance(outcome, Recorded)]
        assert len(recorded) == len(outcomes), outcomes
        return recorded

    def row(self, user_id: str = USER) -> UserRow:
        """Read a user's row."""
        value = self.client.get(user_key(user_id))
        assert isinstance(value, bytes)
        return UserRow.decode(value)

    def stream(self, user_id: str = USER) -> list[bytes]:
        """Read what the stream of the user's shard holds."""
        return [fields[b"event"] for _, fields in self.client.xrange(stream_key(shard_of(user_id)))]

    def forget(self, *user_ids: str) -> None:
        """Delete what is known of users, and the streams of their shards."""
        for user_id in user_ids:
            self.client.delete(user_key(user_id), event_ids_key(user_id), stream_key(shard_of(user_id)))


@contextmanager
def shelf(url: str, stream_length: int = 100_000) -> Iterator[Shelf]:
    """Open a store over a Redis until the end of the `with`."""
    settings = FeatureSettings(redis_url=url, events_timeout_s=5.0, stream_length=stream_length)
    with closing(RedisEventStore.connect(settings)) as store, redis.Redis.from_url(url) as client:
        yield Shelf(store, client)
