"""Consumers over a real Valkey: killed at every command, several at once, taken over, emptied, out of room."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import redis

from shortlist.core.errors import UnavailableError
from shortlist.core.keys import digest
from shortlist.core.types import EventType
from shortlist.features.consumer import BATCH
from shortlist.features.derived import GROUP
from shortlist.features.keys import SHARDS, derived_key, shard_of, stream_key
from shortlist.local.valkey import valkey_part
from support.derivations import Deriving, Killed, Recount, deriving, logged_event, many_events
from support.real_servers import Server, Valkey, free_ports
from support.running_cluster import wait_until
from support.user_events import START_S, Shelf, shelf

AFTER_S = START_S + 10_000.0
STARTS = 1 + SHARDS
"""Commands of a consumer before it reads: the time, and one that looks after each shard."""


@dataclass(frozen=True, slots=True)
class Place:
    """A Redis with a shelf of events and consumers."""

    shelf: Shelf
    deriving: Deriving

    def assert_right(self, at_s: float = AFTER_S) -> None:
        """Compare what is derived with a recount of the streams."""
        recount, derived = Recount.of_streams(self.shelf.client), self.deriving.derived(at_s)
        assert derived.counts == recount.counts
        assert derived.rates == pytest.approx(recount.rates(at_s), rel=1e-4)
        assert self.deriving.applied() == recount.counts.total()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Valkey(tmp_path_factory.mktemp("valkey")) as running:
        yield running


@pytest.fixture
def place(server: Valkey) -> Iterator[Place]:
    """Begin with an empty Redis."""
    with shelf(server.url) as store, deriving(server.url) as consumers:
        store.client.flushall()
        yield Place(store, consumers)


def commands_of_a_batch(place: Place) -> int:
    """Count what a consumer sends until all events are applied: beginnings, a read, and a command for each shard."""
    streams = sum(place.shelf.client.exists(stream_key(shard)) for shard in range(SHARDS))
    return STARTS + 1 + streams


def test_killed_after_any_command_nothing_is_lost_and_nothing_doubled(place: Place) -> None:
    events = many_events(60, users=7)
    place.shelf.record(*events)
    end = commands_of_a_batch(place)
    assert end == STARTS + 1 + 7
    for lives_for in (0, 1, 2, STARTS // 2, STARTS - 1, *range(STARTS, end + 1)):
        place.shelf.client.flushall()
        place.shelf.record(*events)
        with pytest.raises(Killed):
            place.deriving.consumer(lives_for).step()
        before = place.deriving.applied()
        assert (before > 0) == (lives_for > STARTS + 1), lives_for

        place.deriving.drain(place.deriving.consumer(), len(events))

        place.assert_right()


def test_killed_again_while_it_takes_over_nothing_is_lost_and_nothing_doubled(place: Place) -> None:
    events = many_events(60, users=7)
    place.shelf.record(*events)
    with pytest.raises(Killed):
        place.deriving.consumer(STARTS + 1).step()  # has read, and applied nothing
    killed = 0
    for lives_for in itertools.count(STARTS):
        heir = place.deriving.consumer(lives_for)
        try:
            heir.apply(heir.tend())
        except Killed:
            killed += 1
        else:
            break
    assert killed > 7
    place.assert_right()


def test_each_of_two_consumers_applies_what_the_other_does_not(place: Place) -> None:
    one, other = place.deriving.consumer(taken_over_s=60.0), place.deriving.consumer(taken_over_s=60.0)
    events = many_events(4 * BATCH, users=2)
    for start in range(0, len(events), 16):
        place.shelf.record(*events[start : start + 16])
        (one if start % 32 else other).step()
    place.deriving.drain(one, len(events))
    consumers = place.shelf.client.xinfo_consumers(stream_key(shard_of("user-0")), GROUP)
    assert len(consumers) == 2
    place.assert_right()


def test_who_was_taken_for_dead_and_comes_back_doubles_nothing(place: Place) -> None:
    events = many_events(40, users=3)
    place.shelf.record(*events)
    slow = place.deriving.consumer()
    slow.apply(slow.tend())
    read = slow._new()  # between its two halves no other way leads in

    place.deriving.drain(place.deriving.consumer(), len(events))
    slow.apply(read)

    place.assert_right()
    assert place.deriving.count("taken_over_events_total") == len(events)


def test_pending_events_of_the_living_are_left_to_them(place: Place) -> None:
    place.shelf.record(*many_events(10, users=1))
    living, other = place.deriving.consumer(taken_over_s=60.0), place.deriving.consumer(taken_over_s=60.0)
    living.apply(living.tend())
    assert living._new()  # it has read
    assert other.tend() == {}
    assert place.deriving.count("lag_events") == 10
    assert place.deriving.applied() == 0


def test_a_redis_that_was_emptied_is_counted_anew(place: Place) -> None:
    consumer = place.deriving.consumer()
    place.shelf.record(*many_events(30))
    place.deriving.drain(consumer, 30)
    place.shelf.client.flushall()
    with pytest.raises(UnavailableError, match="NOGROUP"):
        consumer.step()
    place.shelf.record(*many_events(12))
    place.deriving.drain(consumer, 12)
    place.assert_right()


def test_a_merger_does_not_take_as_many_events_after_a_flush_for_those_before_it(place: Place) -> None:
    merger = place.deriving.merger()
    for events in (many_events(6, users=1, items=2), many_events(6, users=1, items=3)):
        place.shelf.client.flushall()
        place.shelf.record(*events)
        place.deriving.drain(place.deriving.consumer(), len(events))
        (shard,) = merger.shards()
    assert len(shard.items) == 3


def test_a_group_that_was_removed_goes_on_after_what_was_applied(place: Place) -> None:
    consumer = place.deriving.consumer()
    events = many_events(30, users=1)
    place.shelf.record(*events[:20])
    place.deriving.drain(consumer, 20)
    place.shelf.client.xgroup_destroy(stream_key(shard_of("user-0")), GROUP)
    place.shelf.record(*events[20:])
    place.deriving.drain(consumer, 30)
    place.assert_right()


def test_a_group_that_was_removed_after_a_take_over_applies_nothing_again(place: Place) -> None:
    events = many_events(30, users=1)
    place.shelf.record(*events[:20])
    with pytest.raises(Killed):
        place.deriving.consumer(STARTS + 1).step()
    place.shelf.record(*events[20:])
    place.deriving.consumer(taken_over_s=3600.0).step()
    assert place.deriving.applied() == 10, "the newer events are applied first"
    place.deriving.drain(place.deriving.consumer(), 30)
    place.shelf.client.xgroup_destroy(stream_key(shard_of("user-0")), GROUP)
    place.deriving.consumer().step()
    place.assert_right()


@pytest.mark.parametrize("part", ["items", "pairs", "users"])
def test_where_a_key_is_somebody_elses_nothing_is_acknowledged(place: Place, part: str) -> None:
    events = many_events(10, users=1)
    place.shelf.record(*events)
    key = derived_key(shard_of("user-0"), part)
    place.shelf.client.set(key, "not a hash")
    for _ in range(2):
        with pytest.raises(UnavailableError, match="WRONGTYPE"):
            place.deriving.consumer().step()
    place.shelf.client.delete(key)
    place.deriving.drain(place.deriving.consumer(), len(events))
    place.assert_right()


def test_an_entry_that_is_no_event_is_passed_over_and_counted(place: Place) -> None:
    stream = stream_key(shard_of("ann"))
    place.shelf.client.xadd(stream, {"event": b"\xff\xff"})
    place.shelf.client.xadd(stream, {"event": b""})
    place.shelf.record(logged_event("good"))
    place.deriving.drain(place.deriving.consumer(), 3)
    assert place.deriving.count("unreadable_events_total") == 2
    assert place.deriving.derived(AFTER_S).counts.total() == 1


def test_records_that_cannot_be_read_are_begun_anew_and_hold_nothing_up(place: Place) -> None:
    shard, event = shard_of("ann"), logged_event("b", item_id="item-9")
    user, item = digest("ann"), event.packed()[8:16]
    for part, field in (("items", item), ("pairs", b"x" * 16), ("pairs", b"short"), ("users", user)):
        place.shelf.client.hset(derived_key(shard, part), field, b"of another version")
    place.shelf.record(logged_event("a"), event)
    place.deriving.drain(place.deriving.consumer(), 2)
    place.assert_right()
    assert len(place.deriving.derived(AFTER_S).weights) == 1


def test_events_that_were_dropped_before_they_were_applied_are_counted(place: Place, server: Valkey) -> None:
    consumer = place.deriving.consumer()
    with shelf(server.url, stream_length=100) as bounded:
        for start in range(0, 1000, 100):
            bounded.record(*(logged_event(f"event-{start + number}") for number in range(100)))
        held = len(bounded.stream("ann"))
    assert held < 1000
    consumer.tend()
    assert place.deriving.count("dropped_events") == 1000 - held
    assert place.deriving.count("lag_events") == held
    place.deriving.drain(consumer, held)
    consumer.tend()
    assert place.deriving.count("dropped_events") == 1000 - held
    assert place.deriving.count("lag_events") == 0
    assert place.deriving.count("lag_seconds") == 0


def test_an_event_that_was_dropped_while_it_was_pending_is_counted(place: Place) -> None:
    place.shelf.record(*many_events(10, users=1))
    dead = place.deriving.consumer()
    dead.tend()
    assert dead._new()  # it has read, and is never heard of again
    place.shelf.client.xtrim(stream_key(shard_of("user-0")), maxlen=4, approximate=False)
    living = place.deriving.consumer()
    place.deriving.drain(living, 4)
    living.tend()
    assert place.deriving.count("dropped_events") == 6
    assert place.deriving.count("lag_events") == 0


def test_old_events_leave_once_they_are_applied_and_not_before(place: Place) -> None:
    place.shelf.record(*many_events(10, users=1))
    impatient = place.deriving.consumer()
    impatient._keep_s = -3600.0  # every event is older
    impatient.tend()
    assert len(place.shelf.stream("user-0")) == 10
    assert place.deriving.count("lag_seconds") >= 0
    place.deriving.drain(impatient, 10)
    impatient.tend()
    assert place.shelf.stream("user-0") == []
    assert place.deriving.count("dropped_events") == 0


def test_a_shard_counts_so_many_items_and_forgets_the_oldest(place: Place) -> None:
    events = [
        logged_event(f"event-{number}", item_id=f"item-{number}", time_s=START_S + number) for number in range(400)
    ]
    consumer = place.deriving.consumer(counted_items=100)
    place.shelf.record(*events)
    place.deriving.drain(consumer, 400)
    shard = shard_of("ann")
    assert place.shelf.client.hlen(derived_key(shard, "items")) == 100
    assert place.shelf.client.hlen(derived_key(shard, "pairs")) == 200
    assert place.deriving.count("forgotten_records_total") > 300
    kept = {int.from_bytes(key, "little") for key in place.shelf.client.hkeys(derived_key(shard, "items"))}
    newest = {int.from_bytes(event.packed()[8:16], "little") for event in events[-5:]}
    assert newest <= kept


def test_a_consumer_that_has_not_asked_for_an_hour_is_struck_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.shelf.record(*many_events(2, users=1))
    place.deriving.drain(place.deriving.consumer(), 2)
    stream = stream_key(shard_of("user-0"))
    living = place.deriving.consumer()
    living.tend()
    assert len(place.shelf.client.xinfo_consumers(stream, GROUP)) == 1
    monkeypatch.setattr("shortlist.features.consumer.FORGOTTEN_S", 0.0)
    wait_until(lambda: place.shelf.client.xinfo_consumers(stream, GROUP)[0]["idle"] > 0, "a millisecond")
    living.tend()
    assert place.shelf.client.xinfo_consumers(stream, GROUP) == []


def test_events_of_another_day_and_of_clocks_that_differ_are_counted(place: Place) -> None:
    now = int(time.time())
    times = (now + 60, now - 60, now - 40 * 86_400, 0)
    place.shelf.record(*(logged_event(f"event-{time_s}", time_s=time_s) for time_s in times))
    place.deriving.drain(place.deriving.consumer(), 4)
    derived = place.deriving.derived(now)
    assert list(derived.counts.values()) == [4]
    assert next(iter(derived.rates.values())) == pytest.approx(2.0, abs=0.01)


def test_while_redis_is_full_nothing_is_applied_and_then_everything(tmp_path: Path) -> None:
    with Valkey(tmp_path) as own, shelf(own.url) as store, deriving(own.url) as consumers:
        consumer = consumers.consumer()
        consumer.tend()
        store.record(*many_events(20))
        store.client.config_set("maxmemory", 1)
        with pytest.raises(UnavailableError, match="maxmemory"):
            consumer.step()
        assert consumers.applied() == 0
        store.client.config_set("maxmemory", 0)
        consumers.drain(consumer, 20)
        Place(store, consumers).assert_right()


def test_on_a_cluster_every_call_touches_one_slot_only(tmp_path: Path) -> None:
    ports = free_ports()
    part = valkey_part(ports.redis, tmp_path)
    options = ("--cluster-enabled", "yes", "--cluster-port", str(ports.gateway))
    url = f"redis://127.0.0.1:{ports.redis}/0"
    with (
        Server(replace(part, command=(*part.command, *options)), tmp_path),
        redis.Redis.from_url(url) as client,
    ):
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        wait_until(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"), "the cluster to be whole")
        with shelf(url) as store, deriving(url) as consumers:
            store.record(logged_event("a"), logged_event("b", item_id="item-9", event_type=EventType.VIEW))
            consumer = consumers.consumer()
            consumer.tend()
            stream = stream_key(shard_of("ann"))
            command = ("XREADGROUP", "GROUP", GROUP, "reader", "STREAMS", stream, ">")
            client.execute_command(*command)
            consumers.drain(consumer, 2)
            assert len(consumers.derived(AFTER_S).weights) == 1
