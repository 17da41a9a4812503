"""From an event to the very lists of two gateways: recorded, applied, merged, published, proposed, named in answers."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from shortlist.features.live_lists import LISTS_KEY
from shortlist.features.merger import TURN_KEY
from shortlist.gateway.live import LIVE_SOURCES
from shortlist.local.probes import http_answers
from shortlist.release.bundle import Release
from shortlist.v1 import events_pb2
from support.derivations import Recount, deriving, many_events
from support.feature_processes import consuming
from support.gateways import Reached, item_ids, serving
from support.misbehaving import TcpProxy
from support.real_servers import Valkey
from support.running_cluster import wait_until
from support.tiny_release import item_id, numbers_in
from support.user_events import shelf


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """Run a Valkey that a test may break."""
    with Valkey(tmp_path) as server:
        yield server


def touch(reached: Reached, user_id: str, *items: str) -> None:
    """Let a user buy items just now."""
    reached.record(
        *(
            events_pb2.Event(
                event_id=f"{user_id} {item} {time.time_ns()}",
                user_id=user_id,
                item_id=item,
                type=events_pb2.EVENT_TYPE_PURCHASE,
            )
            for item in items
        )
    )


def sources_of(reached: Reached, user_id: str) -> dict[str, set[str]]:
    """Name the items of an answer by the source that proposed them."""
    found: dict[str, set[str]] = {}
    for item in reached.recommend(user_id, limit=60).items:
        for source in item.sources:
            found.setdefault(source, set()).add(item.item_id)
    return found


def test_what_is_bought_trends_in_every_gateway_and_names_its_sources(
    tiny_release: Release, own_valkey: Valkey, tmp_path: Path
) -> None:
    lamps, tea = numbers_in("Lamps"), numbers_in("Tea")
    with ExitStack() as stack:
        stack.enter_context(consuming(own_valkey.url, tmp_path))
        gateways = [stack.enter_context(serving(tiny_release, own_valkey.url)) for _ in range(2)]
        for number in range(20):
            touch(gateways[number % 2], f"buyer-{number}", item_id(lamps[5]), item_id(tea[5]))
        touch(gateways[0], "reader", item_id(lamps[1]), item_id(tea[5]))
        for reached in gateways:
            wait_until(lambda reached=reached: set(LIVE_SOURCES) <= sources_of(reached, "reader").keys(), "live lists")
            found = sources_of(reached, "reader")
            assert item_id(lamps[5]) in found["trending"] & found["trending_in_categories"] & found["co_visits"]
            assert found["trending"] <= {item_id(number) for number in (*lamps, *tea)}
            answer = reached.recommend("reader", limit=60, explain=True)
            (explained,) = [item for item in answer.items if item.item_id == item_id(lamps[5])]
            assert {source.source for source in explained.explanation.sources} == set(explained.sources)
            assert not answer.degraded


def test_lists_that_stop_coming_are_left_out_counted_and_come_back(
    tiny_release: Release, own_valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortlist.retrieval.live.LiveSource.__init__.__defaults__", (1.5, time.monotonic))
    with serving(tiny_release, own_valkey.url) as reached:
        touch(reached, "buyer", item_id(3), item_id(9), item_id(15))
        touch(reached, "reader", item_id(3))
        assert not reached.recommend("reader").degraded, "nobody ever published: nothing is late"
        with consuming(own_valkey.url, tmp_path):
            wait_until(lambda: "co_visits" in sources_of(reached, "reader"), "live lists")
        wait_until(lambda: "co_visits" not in sources_of(reached, "reader"), "late lists")
        for source in LIVE_SOURCES:
            assert reached.count("shortlist_gateway_source_failures_total", source=source) > 0
        assert not reached.recommend("reader").degraded, "the release's own sources are all there"
        with own_valkey.client() as client:
            client.delete(LISTS_KEY)
        failed = "shortlist_gateway_source_failures_total"

        def is_none_late() -> bool:
            before = reached.count(failed, source="co_visits")
            reached.recommend("reader")
            return reached.count(failed, source="co_visits") == before

        wait_until(is_none_late, "lists that are gone are not late")
        with consuming(own_valkey.url, tmp_path):
            wait_until(lambda: "co_visits" in sources_of(reached, "reader"), "live lists again")


def test_no_request_waits_for_a_redis_that_hangs_while_lists_are_asked_for(
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
        touch(reached, "reader", item_id(3))
        reached.recommend("reader")
        proxy.hold()
        started = time.monotonic()
        for _ in range(20):
            assert item_ids(reached.recommend("reader"))
        assert time.monotonic() - started < 5.0
        proxy.let_go()


def test_a_consumer_that_is_killed_under_load_and_started_again_loses_and_doubles_nothing(
    own_valkey: Valkey, tmp_path: Path
) -> None:
    events = many_events(6000, users=300, items=50)
    with (
        shelf(own_valkey.url) as store,
        deriving(own_valkey.url) as derived,
        consuming(own_valkey.url, tmp_path) as first,
    ):
        with consuming(own_valkey.url, tmp_path, name="second"):
            for start in range(0, 2000, 20):
                store.record(*events[start : start + 20])
            wait_until(lambda: derived.applied() > 0, "something is applied")
            first.process.kill()
            for start in range(2000, 4000, 20):
                store.record(*events[start : start + 20])
        with consuming(own_valkey.url, tmp_path, name="third") as third:
            for start in range(4000, 6000, 20):
                store.record(*events[start : start + 20])
            wait_until(lambda: derived.applied() >= 6000, "everything is applied", 60.0)
            wait_until(lambda: third.count("shortlist_features_lag_events") == 0, "no lag")
        at_s = store.client.time()[0]
        assert derived.derived(at_s).counts == Recount.of_streams(store.client).counts
        assert derived.applied() == 6000


def test_the_service_is_healthy_once_redis_answers_and_ends_with_a_signal(own_valkey: Valkey, tmp_path: Path) -> None:
    own_valkey.kill()
    with consuming(own_valkey.url, tmp_path, wait=False) as consumer:
        wait_until(lambda: "redis" in consumer.process.log, "it says that Redis is away")
        assert not http_answers(consumer.metrics_port, "/health")
        own_valkey.start()
        wait_until(lambda: http_answers(consumer.metrics_port, "/health"), "it is healthy")
        assert consumer.count("shortlist_features_failures_total") > 0
        consumer.process.terminate()
        assert consumer.process.wait() == 0
    assert consumer.process.log.count("it is tried again") <= 2


def test_one_of_several_merges_and_another_takes_its_turn(own_valkey: Valkey) -> None:
    with shelf(own_valkey.url) as store, deriving(own_valkey.url) as consumers:
        store.record(*many_events(50))
        consumers.drain(consumers.consumer(), 50)
        one, other = consumers.merger(), consumers.merger()
        one.step()
        version = store.client.hget(LISTS_KEY, "version")
        other.step()
        assert store.client.hget(LISTS_KEY, "version") == version
        store.client.delete(TURN_KEY)
        other.step()
        assert store.client.hget(LISTS_KEY, "version") != version
        assert 86_000 < store.client.ttl(LISTS_KEY) <= 86_400
        assert 0 < store.client.pttl(TURN_KEY) <= 5000
