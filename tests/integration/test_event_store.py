"""The store of events over a real Valkey that is down, slow, full, read-only, empty, or a cluster's."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
import redis

from shortlist.features.event_store import FUNCTION
from shortlist.features.keys import event_ids_key, shard_of, stream_key, user_key
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
