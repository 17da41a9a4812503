"""Events that consumers can read, a plain recount of what is derived from them, and consumers that die when told."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import redis
from prometheus_client import CollectorRegistry

from shortlist.core.keys import item_key
from shortlist.core.types import EventType
from shortlist.features.config import FeatureSettings
from shortlist.features.consumer import Consumer
from shortlist.features.counters import ItemCounters
from shortlist.features.covisits import Pairs
from shortlist.features.derived import PAIR_HALF_LIFE_S, RATE_HALF_LIFE_S, packed
from shortlist.features.events import UserEvent
from shortlist.features.keys import SHARDS, derived_key, stream_key
from shortlist.features.merger import Merger, counters_of, pairs_of
from shortlist.features.redis_line import Answer, Command, Lines, open_pool
from shortlist.telemetry.features import DerivationMetrics
from shortlist.v1 import events_pb2
from support.user_events import START_S

WINDOW_S = 1800
TOUCHES = (EventType.VIEW, EventType.CLICK, EventType.CART, EventType.PURCHASE)


def logged_event(
    event_id: str,
    user_id: str = "ann",
    item_id: str = "item-003",
    event_type: EventType = EventType.CLICK,
    time_s: int = START_S,
    value: float = 0.0,
) -> UserEvent:
    """Make an event as a gateway records it: the stream keeps all of it."""
    message = events_pb2.Event(
        event_id=event_id,
        user_id=user_id,
        item_id=item_id,
        type=events_pb2.EventType.Name(event_type),  # type: ignore[arg-type]  # a name is taken as well
        value=value,
    )
    message.time.seconds = time_s
    return UserEvent(event_id, user_id, item_id, event_type, time_s, value, message.SerializeToString())


def many_events(count: int, users: int = 40, items: int = 30) -> list[UserEvent]:
    """Make events of every type, of users who come back every few minutes."""
    kinds = itertools.cycle(EventType)
    return [
        logged_event(
            f"event-{number}",
            f"user-{number % users}",
            f"item-{number * 7 % items}",
            next(kinds),
            START_S + 20 * number,
        )
        for number in range(count)
    ]


@dataclass
class Recount:
    """What should be derived of events, counted one by one in their order, without a bound on anything."""

    counts: Counter[tuple[int, int]] = field(default_factory=Counter)
    times: defaultdict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    pair_times: defaultdict[frozenset[int], list[int]] = field(default_factory=lambda: defaultdict(list))
    touched: defaultdict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, event: events_pb2.Event) -> None:
        """Count an event."""
        item, time_s = item_key(event.item_id), event.time.seconds
        self.counts[item, event.type] += 1
        self.times[item, event.type].append(time_s)
        if event.type not in TOUCHES:
            return
        touched = self.touched[event.user_id]
        near = {other for other, at in touched.items() if abs(time_s - at) <= WINDOW_S}
        if item not in near:
            for other in near:
                self.pair_times[frozenset((item, other))].append(time_s)
        touched[item] = max(time_s, touched.get(item, 0))

    @classmethod
    def of_streams(cls, client: redis.Redis) -> "Recount":
        """Count what the streams hold."""
        recount = cls()
        for shard in range(SHARDS):
            for _, fields in client.xrange(stream_key(shard)):
                if packed(fields[b"event"]):
                    recount.add(events_pb2.Event.FromString(fields[b"event"]))
        return recount

    def rates(self, at_s: float) -> dict[tuple[int, int], float]:
        """Decay each count to a moment."""
        return {key: _decayed(times, at_s, RATE_HALF_LIFE_S) for key, times in self.times.items()}

    def weights(self, at_s: float) -> dict[frozenset[int], float]:
        """Decay each pair to a moment."""
        return {pair: _decayed(times, at_s, PAIR_HALF_LIFE_S) for pair, times in self.pair_times.items()}


def _decayed(times: Sequence[int], at_s: float, half_life_s: float) -> float:
    return sum(2 ** (-(at_s - time_s) / half_life_s) for time_s in times)


@dataclass(frozen=True, slots=True)
class Derived:
    """What is derived, in the words of a recount."""

    counters: ItemCounters
    pairs: Pairs

    @property
    def counts(self) -> Counter[tuple[int, int]]:
        """Events by item and type."""
        return Counter({key: int(count) for key, count in self._by_type(self.counters.counts)})

    @property
    def rates(self) -> dict[tuple[int, int], float]:
        """Decayed events by item and type."""
        return dict(self._by_type(self.counters.rates))

    @property
    def weights(self) -> dict[frozenset[int], float]:
        """Decayed weights by pair."""
        keys = self.pairs.keys.tolist()
        return {
            frozenset((keys[one], keys[other])): weight
            for one, other, weight in zip(
                self.pairs.ones.tolist(), self.pairs.others.tolist(), self.pairs.weights.tolist(), strict=True
            )
        }

    def _by_type(self, values: Any) -> Iterator[tuple[tuple[int, int], Any]]:
        for key, row in zip(self.counters.keys.tolist(), values.tolist(), strict=True):
            for place, value in enumerate(row):
                if value:
                    yield (key, place + 1), value


class Killed(BaseException):
    """The process is gone."""


class Mortal:
    """Connections of a process that dies once it has sent so many commands: of the last it never learns the answer."""

    def __init__(self, lines: Lines, commands: int) -> None:
        self._lines, self._left = lines, commands

    def line(self) -> "Mortal":
        """Give itself."""
        return self

    def ask(self, commands: Sequence[Command]) -> list[Answer]:
        """Send what it lives to send."""
        sent = commands[: self._left]
        self._left -= len(sent)
        answers = self._lines.line().ask(sent) if sent else []
        if not self._left:
            raise Killed
        return answers


class Deriving:
    """Consumers over a Redis, and what they derived.

    Args:
        url: Its address.
    """

    def __init__(self, url: str) -> None:
        self.settings = FeatureSettings(redis_url=url)
        self.lines = Lines(open_pool(self.settings, 1, protocol=2, timeout_s=5.0), 5.0)
        self.client: redis.Redis = redis.Redis.from_url(url)
        self.registry = CollectorRegistry()
        self.metrics = DerivationMetrics(self.registry)
        self._names = itertools.count()

    def consumer(self, lives_for: int | None = None, counted_items: int = 1024, taken_over_s: float = 0.0) -> Consumer:
        """Start a consumer with a name of its own; it may die after so many commands."""
        lines: Any = self.lines if lives_for is None else Mortal(self.lines, lives_for)
        name = f"consumer-{next(self._names)}"
        return Consumer(lines, name, counted_items, 10.0**9, self.metrics, taken_over_s)

    def merger(self) -> Merger:
        """Start a merger."""
        return Merger(self.lines, f"merger-{next(self._names)}", 5.0, self.metrics)

    def drain(self, consumer: Consumer, events: int) -> None:
        """Apply what others left pending and what is new, until so many events are applied in all."""
        for _ in range(100):
            consumer.apply(consumer.tend())
            if self.applied() >= events:
                return
            consumer.step()
        raise AssertionError(f"{self.applied()} of {events} events are applied")

    def applied(self) -> int:
        """Add up how many events the shards have applied."""
        states = [self.client.hget(derived_key(shard, "state"), "applied") for shard in range(SHARDS)]
        return sum(int(applied or 0) for applied in states)  # type: ignore[arg-type]  # not the asynchronous client

    def derived(self, at_s: float) -> Derived:
        """Read what is derived as of a moment."""
        shards = self.merger().shards()
        return Derived(counters_of(shards, at_s), pairs_of(shards, at_s))

    def count(self, sample: str, **labels: str) -> float:
        """Read a metric."""
        value = self.registry.get_sample_value(f"shortlist_features_{sample}", labels)
        assert value is not None
        return value


@contextmanager
def deriving(url: str) -> Iterator[Deriving]:
    """Open it until the end of the `with`."""
    opened = Deriving(url)
    with closing(opened.lines), opened.client:
        yield opened
