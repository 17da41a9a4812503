"""The store of events over a real Valkey that is down, slow, full, read-only, empty, or a cluster's."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
import pytest
import redis

from shortlist.core.errors import UnavailableError
from shortlist.core.types import EventType
from shortlist.features.event_store import FUNCTION
from shortlist.features.events import Recorded, UserEvent
from shortlist.features.keys import aside_key, event_ids_key, shard_of, stream_key, user_key
from shortlist.features.row import MAX_EVENTS, UserRow
from shortlist.gateway.events import MAX_CALLS, MAX_WAITING
from shortlist.local.valkey import valkey_part
from shortlist.release.bundle import Release
from shortlist.v1 import events_pb2
from support.gateways import TIMEOUT_S, Reached, serving
from support.misbehaving import TcpProxy
from support.real_servers import Server, Valkey, free_ports
from support.running_cluster import wait_until
from support.tiny_release import item_id
from support.user_events import START_S, USER, shelf, user_event

MONTH_S = 30 * 86_400
ERRORS = "shortlist_gateway_dependency_errors_total"


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """Run a Valkey that a test may break."""
    with Valkey(tmp_path) as server:
        yield server


@pytest.fixture
def reached(tiny_release: Release, own_valkey: Valkey) -> Iterator[Reached]:
    """Run a gateway over it."""
    with serving(tiny_release, own_valkey.url, features_events_timeout_s=2.0) as gateway:
        yield gateway


def click(event_id: str, user_id: str = USER) -> events_pb2.Event:
    """Make an event."""
    return events_pb2.Event(event_id=event_id, user_id=user_id, item_id=item_id(3), type=events_pb2.EVENT_TYPE_CLICK)


def refusal(reached: Reached, event: events_pb2.Event) -> grpc.RpcError:
    """Record an event that cannot be recorded now."""
    with pytest.raises(grpc.RpcError) as caught:
        reached.record(event)
    return caught.value


def is_recorded(reached: Reached, event: events_pb2.Event) -> bool:
    """Try to record an event."""
    try:
        (result,) = reached.record(event)
    except grpc.RpcError:
        return False
    return result.outcome == events_pb2.EVENT_OUTCOME_ACCEPTED


def test_while_redis_is_down_no_event_is_acknowledged_and_then_all_are(reached: Reached, own_valkey: Valkey) -> None:
    reached.record(click("before"))
    own_valkey.kill()

    for number in range(8):
        assert refusal(reached, click(f"during-{number}")).code() is grpc.StatusCode.UNAVAILABLE
    assert reached.count("shortlist_gateway_events_total", outcome="failed") == 8
    assert reached.count(ERRORS, dependency="redis") >= 8

    own_valkey.start()
    wait_until(lambda: is_recorded(reached, click("during-0")), "events are recorded again")
    for number in range(1, 8):
        assert is_recorded(reached, click(f"during-{number}"))


@pytest.mark.parametrize("how", ["read-only", "full"])
def test_a_redis_that_takes_no_writes_answers_reads_and_refuses_events(
    reached: Reached, own_valkey: Valkey, how: str
) -> None:
    reached.record(click("before"))
    with own_valkey.client() as client:
        if how == "full":
            client.config_set("maxmemory", 1)
        else:
            client.replicaof("127.0.0.1", 9)
        error = refusal(reached, click("during"))
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert ("maxmemory" if how == "full" else "replica") in str(error.details())
        assert not reached.recommend(USER).degraded
        if how == "full":
            client.config_set("maxmemory", 0)
        else:
            client.replicaof("NO", "ONE")
    assert is_recorded(reached, click("during"))


def test_an_event_whose_answer_was_lost_is_told_by_its_id_when_it_is_sent_again(
    tiny_release: Release, own_valkey: Valkey
) -> None:
    with (
        TcpProxy(own_valkey.port) as proxy,
        serving(
            tiny_release, f"redis://127.0.0.1:{proxy.port}/0", features_events_timeout_s=0.2, start_wait_s=20.0
        ) as reached,
    ):
        reached.record(click("before"))
        proxy.hold()
        assert refusal(reached, click("lost")).code() is grpc.StatusCode.UNAVAILABLE
        proxy.let_go()
        # What was held has passed by now or is lost: either way the event is there once.
        (result,) = reached.record(click("lost"))
    with own_valkey.client() as client:
        assert client.xlen(stream_key(shard_of(USER))) == 2
    assert result.row_version == 2


def test_more_calls_than_may_wait_are_refused_and_recommendations_go_on(
    tiny_release: Release, own_valkey: Valkey
) -> None:
    with (
        TcpProxy(own_valkey.port) as proxy,
        serving(
            tiny_release,
            f"redis://127.0.0.1:{proxy.port}/0",
            features_timeout_s=0.05,
            features_events_timeout_s=5.0,
            deadline_s=30.0,
        ) as reached,
    ):
        proxy.hold()
        requests = [
            events_pb2.RecordEventsRequest(events=[click(f"{number}", f"user-{number:02}")])
            for number in range(1 + MAX_CALLS + MAX_WAITING)
        ]
        calls = [reached.call_record.future(request, timeout=TIMEOUT_S) for request in requests]
        wait_until(lambda: any(call.done() for call in calls), "a refusal")
        assert {call.code() for call in calls if call.done()} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert len(reached.recommend("user-00").items) == 20
        proxy.let_go()
        wait_until(lambda: all(call.done() for call in calls), "all calls are answered")
        assert [call.code() for call in calls].count(grpc.StatusCode.OK) >= MAX_WAITING


def test_functions_that_are_gone_are_loaded_again(own_valkey: Valkey) -> None:
    with shelf(own_valkey.url) as store:
        store.record(user_event("a"))
        store.client.function_flush()
        store.record(user_event("b"))
        assert store.row().version == 2
        libraries = str(store.client.function_list())
    assert FUNCTION in libraries


def test_the_ids_of_a_user_are_kept_for_a_day_and_then_gone(own_valkey: Valkey) -> None:
    with shelf(own_valkey.url) as store:
        store.record(user_event("a"))
        lives_s = store.client.ttl(event_ids_key(USER))
        size = store.client.strlen(event_ids_key(USER))
        for number in range(200):
            store.record(user_event(f"event-{number}"))
        assert store.client.ttl(user_key(USER)) == -1
        assert store.client.strlen(event_ids_key(USER)) == 128 * size
    assert 86_390 <= lives_s <= 86_400


def test_the_newest_128_ids_are_known_and_no_older_ones(own_valkey: Valkey) -> None:
    with shelf(own_valkey.url) as store:
        for number in range(129):
            store.record(user_event(f"event-{number}"))
        known = [store.record(user_event(f"event-{number}"))[0].is_duplicate for number in (1, 128, 0)]
    assert known == [True, True, False]


def test_a_stream_is_bounded(own_valkey: Valkey) -> None:
    with shelf(own_valkey.url, stream_length=200) as store:
        for start in range(0, 2000, 100):
            store.record(*(user_event(f"event-{start + number}", time_s=START_S) for number in range(100)))
        assert 200 <= len(store.stream()) < 400
        assert store.stream()[-1] == b"event-1999"


def test_on_a_cluster_a_call_touches_one_slot_only(tmp_path: Path) -> None:
    ports = free_ports()
    part = valkey_part(ports.redis, tmp_path)
    options = ("--cluster-enabled", "yes", "--cluster-port", str(ports.gateway))
    clustered = replace(part, command=(*part.command, *options))
    url = f"redis://127.0.0.1:{ports.redis}/0"
    with Server(clustered, tmp_path), redis.Redis.from_url(url) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        wait_until(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"), "the cluster to be whole")
        with shelf(url) as store:
            events = [user_event(f"event-{number}", user_id=f"user-{number}") for number in range(100)]
            assert len(store.record(*events)) == 100
            assert store.row("user-7").version == 1


def test_impressions_are_logged_once_and_leave_the_row_alone(own_valkey: Valkey) -> None:
    def impression(event_id: str) -> UserEvent:
        return user_event(event_id, event_type=EventType.IMPRESSION)

    with shelf(own_valkey.url) as store:
        assert store.record(impression("a")) == [Recorded(0, is_duplicate=False)]
        assert store.row_if_any() is None
        store.record(user_event("b"))
        row = store.row()
        again = store.record(*(impression(event_id) for event_id in ("a", "c", "c")))
        assert again == [
            Recorded(1, is_duplicate=True),
            Recorded(1, is_duplicate=False),
            Recorded(1, is_duplicate=True),
        ]
        assert store.row().encode() == row.encode()
        assert store.stream() == [b"a", b"b", b"c"]


def test_of_rows_that_cannot_be_read_the_first_is_set_aside_for_a_month(own_valkey: Valkey) -> None:
    newer, truncated = b"UR\x02" + b"a newer gateway's", UserRow(version=7).encode()[:-1]
    with shelf(own_valkey.url) as store:
        for number, value in enumerate((newer, truncated)):
            store.client.set(user_key(USER), value)
            assert store.record(user_event(f"event-{number}")) == [Recorded(1, is_duplicate=False)]
        assert store.bad_rows == 2
        assert store.client.get(aside_key(USER)) == newer
        assert 30 * 86_400 - 60 <= store.client.ttl(aside_key(USER)) <= 30 * 86_400
        assert store.stream() == [b"event-0", b"event-1"]


def test_a_row_that_cannot_be_read_stays_while_there_are_impressions_alone(own_valkey: Valkey) -> None:
    with shelf(own_valkey.url) as store:
        store.client.set(user_key(USER), b"not ours")
        (recorded,) = store.record(user_event("a", event_type=EventType.IMPRESSION))
        assert (recorded.row_version, store.bad_rows) == (0, 1)
        assert store.client.get(user_key(USER)) == b"not ours"
        assert store.stream() == [b"a"]


def test_ids_that_cannot_be_read_are_counted_and_begun_anew(own_valkey: Valkey) -> None:
    with shelf(own_valkey.url) as store:
        store.record(user_event("a"))
        for value in ("seven.b", None):
            if value is None:
                store.client.delete(event_ids_key(USER))
                store.client.rpush(event_ids_key(USER), "a list")
            else:
                store.client.set(event_ids_key(USER), value)
            store.record(user_event("b"))
            assert store.record(user_event("b"))[0].is_duplicate
        assert store.bad_rows == 2
        assert store.row().version == 3


def test_a_stream_that_is_none_records_nothing(own_valkey: Valkey) -> None:
    with shelf(own_valkey.url) as store:
        store.client.set(stream_key(shard_of(USER)), "not ours")
        (outcome,) = store.store.record([user_event("a")])
        assert isinstance(outcome, UnavailableError)
        assert store.row_if_any() is None
        assert not store.client.exists(event_ids_key(USER))
        store.client.delete(stream_key(shard_of(USER)))
        assert store.record(user_event("a")) == [Recorded(1, is_duplicate=False)]


@pytest.mark.parametrize(("time_s", "expected"), [(START_S, [3.0, 6.0]), (START_S - 2 * MONTH_S, [4.5, 9.0])])
def test_counters_decay_from_the_time_that_is_stored_with_them(
    own_valkey: Valkey, time_s: int, expected: list[float]
) -> None:
    """Half of them are left after 30 days; an event of 30 days before that time counts half."""
    stored = UserRow(version=3, counters=np.array([4.0, 8.0], np.float32), counters_time=START_S - MONTH_S)
    with shelf(own_valkey.url) as store:
        store.client.set(user_key(USER), stored.encode())
        store.record(user_event("a", time_s=time_s, value=2.0))
        row = store.row()
    assert row.counters.tolist() == pytest.approx(expected)
    assert row.counters_time == max(time_s, START_S - MONTH_S)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("events", [10_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_a_user_with_very_many_events_takes_no_more_than_one_with_some_hundred(own_valkey: Valkey, events: int) -> None:
    with shelf(own_valkey.url, stream_length=4096) as store:

        def size_bytes() -> list[int]:
            """Measure all that a call reads and writes of the user: its time depends on nothing else."""
            return [store.client.strlen(key) for key in (user_key(USER), event_ids_key(USER))]

        sizes = []
        for start in range(0, events, 1000):
            numbers = range(start, start + 1000)
            store.record(*(user_event(f"{number}", f"item-{number}", START_S + number) for number in numbers))
            sizes.append(size_bytes())
        assert sizes == [sizes[0]] * (events // 1000)
        assert len(store.row().events) == MAX_EVENTS
        assert len(store.stream()) < 4096 * 1.1
