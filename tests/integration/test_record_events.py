"""Events over the wire: what is acknowledged is in the user's row, once, in order, and known to the next request."""

import itertools
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from shortlist.core.keys import item_key
from shortlist.features.keys import shard_of, stream_key, user_key
from shortlist.features.row import UserRow
from shortlist.release.bundle import Release
from shortlist.v1 import events_pb2, recommender_pb2
from support.gateway_process import running, settings_of
from support.gateways import TIMEOUT_S, Reached, item_ids, reaching
from support.real_servers import Valkey, free_ports
from support.tiny_release import ITEMS, category_of, item_id, numbers_in

ACCEPTED, DUPLICATE, REJECTED = (
    events_pb2.EVENT_OUTCOME_ACCEPTED,
    events_pb2.EVENT_OUTCOME_DUPLICATE,
    events_pb2.EVENT_OUTCOME_REJECTED,
)
YEAR_S = 365 * 86_400
EVENTS = "shortlist_gateway_events_total"


def event(user_id: str, item: str, time_s: int = 0, event_id: str = "", **fields: Any) -> events_pb2.Event:
    """Make a click, or another event; without a time it happens now."""
    return events_pb2.Event(
        event_id=event_id or uuid.uuid4().hex,
        user_id=user_id,
        item_id=item,
        time=Timestamp(seconds=time_s) if time_s else None,
        **({"type": events_pb2.EVENT_TYPE_CLICK} | fields),
    )


def outcomes(results: list[events_pb2.EventResult]) -> list[int]:
    """Read the outcomes."""
    return [result.outcome for result in results]


def stored(valkey: Valkey, user_id: str) -> UserRow:
    """Read a user's row."""
    with valkey.client() as client:
        value = client.get(user_key(user_id))
    assert isinstance(value, bytes)
    return UserRow.decode(value)


@contextmanager
def two_gateways(release: Release, valkey: Valkey, directory: Path) -> Iterator[list[Reached]]:
    """Run two gateways as processes of their own over one Valkey."""
    with ExitStack() as stack:
        reached = []
        for number in range(2):
            ports = free_ports()
            settings = settings_of(
                release.path,
                ports.gateway,
                features_redis_url=valkey.url,
                features_timeout_s="2",
                features_events_timeout_s="5",
                gateway_start_wait_s="20",
                gateway_metrics_address=f"127.0.0.1:{ports.metrics}",
            )
            own = directory / str(number)
            own.mkdir()
            stack.enter_context(running(settings, ports.gateway, own))
            reached.append(stack.enter_context(reaching(ports.gateway, ports.metrics)))
        yield reached


@pytest.mark.timeout(600)
@pytest.mark.parametrize("pairs", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_an_answer_that_demands_the_event_s_row_knows_the_event_whichever_gateway_gives_it(
    tiny_release: Release, valkey: Valkey, tmp_path: Path, pairs: int
) -> None:
    with two_gateways(tiny_release, valkey, tmp_path) as gateways:
        turns = itertools.cycle(itertools.product(gateways, gateways))
        for pair, (recorder, recommender) in zip(range(pairs), turns, strict=False):
            user, item = f"alternating-{pair % 7}", item_id(pair % ITEMS)
            (recorded,) = recorder.record(event(user, item))
            answer = recommender.recommend(user, limit=1, explain=True, min_row_version=recorded.row_version)
            assert not answer.degraded
            assert answer.user.row_version >= recorded.row_version
            assert answer.user.recent_item_ids[0] == item
        for reached in gateways:
            assert reached.count("shortlist_features_near_cache_tracked") == 1


def test_an_event_changes_the_very_next_answer(local_gateway: Reached) -> None:
    before = local_gateway.recommend("window-shopper", limit=10)
    lamps = numbers_in("Lamps")

    results = local_gateway.record(*(event("window-shopper", item_id(number)) for number in lamps[:3]))
    after = local_gateway.recommend("window-shopper", limit=10, min_row_version=results[-1].row_version)

    assert before.cold_start
    assert not after.cold_start
    assert item_ids(after) != item_ids(before)
    assert {category_of(int(name.removeprefix("item-"))) for name in item_ids(after)[:5]} == {"Lamps"}


def test_what_a_user_hides_is_not_shown_again(local_gateway: Reached) -> None:
    local_gateway.record(event("hider", item_id(3)))
    shown = item_ids(local_gateway.recommend("hider", limit=5))[0]
    (hidden,) = local_gateway.record(event("hider", shown, type=events_pb2.EVENT_TYPE_HIDE))
    assert shown not in item_ids(local_gateway.recommend("hider", limit=50, min_row_version=hidden.row_version))


def test_an_id_that_was_recorded_changes_nothing(local_gateway: Reached, valkey: Valkey) -> None:
    once, other = event("repeater", item_id(5), value=2.5), event("repeater", item_id(6))
    duplicates = local_gateway.count(EVENTS, outcome="duplicate")
    first = local_gateway.record(once, other, once)
    row = stored(valkey, "repeater")

    second = local_gateway.record(once)

    assert outcomes(first) == [ACCEPTED, ACCEPTED, DUPLICATE]
    assert [(result.outcome, result.row_version) for result in second] == [(DUPLICATE, first[0].row_version)]
    assert stored(valkey, "repeater").encode() == row.encode()
    assert row.counters.tolist() == pytest.approx([2.0, 2.5])
    assert local_gateway.count(EVENTS, outcome="duplicate") == duplicates + 2
    with valkey.client() as client:
        entries = client.xrange(stream_key(shard_of("repeater")))
    logged = [events_pb2.Event.FromString(fields[b"event"]) for _, fields in entries]
    own = [entry.event_id for entry in logged if entry.user_id == "repeater"]
    assert own == [once.event_id, other.event_id]


def test_a_large_call_may_be_sent_again_as_a_whole(local_gateway: Reached, valkey: Valkey) -> None:
    events = [event("importer", item_id(number % ITEMS), 1_700_000_000 + number) for number in range(1000)]
    assert set(outcomes(local_gateway.record(*events))) == {ACCEPTED}
    row = stored(valkey, "importer")
    assert set(outcomes(local_gateway.record(*events))) == {DUPLICATE}
    assert stored(valkey, "importer").encode() == row.encode()


def test_events_that_come_late_land_where_their_time_is(local_gateway: Reached, valkey: Valkey) -> None:
    start = 1_700_000_000
    times = [start + 50, start + 10, start + 90, start + 30, start + 70]
    for number, time_s in enumerate(times):
        local_gateway.record(event("traveller", item_id(number), time_s))

    row = stored(valkey, "traveller")

    assert row.events["time"].tolist() == sorted(times, reverse=True)
    assert row.events["key"].tolist() == [item_key(item_id(number)) for number in (2, 4, 0, 3, 1)]
    assert (row.version, row.event_time, row.counters_time) == (5, start + 90, start + 90)


def test_an_older_event_of_an_item_does_not_replace_the_newer(local_gateway: Reached, valkey: Valkey) -> None:
    start = 1_700_000_000
    for time_s, value in ((start, 1.0), (start + 9, 2.0), (start + 5, 3.0)):
        local_gateway.record(event("returner", item_id(1), time_s, value=value))
    local_gateway.record(event("returner", item_id(1), start + 1, type=events_pb2.EVENT_TYPE_CART))

    row = stored(valkey, "returner")

    assert list(zip(row.events["time"].tolist(), row.events["value"].tolist(), strict=True)) == [
        (start + 9, 2.0),
        (start + 1, 0.0),
    ]
    assert row.counters[0] == pytest.approx(4.0, rel=1e-4)


def test_an_event_from_next_year_is_rejected_alone(local_gateway: Reached, valkey: Valkey) -> None:
    now = int(time.time())
    results = local_gateway.record(
        event("prophet", item_id(1), now + YEAR_S), event("prophet", item_id(2), now + 200), event("prophet", "")
    )
    assert outcomes(results) == [REJECTED, ACCEPTED, REJECTED]
    assert [result.reason.split(":")[0] for result in results] == ["time", "", "item_id"]
    assert [result.row_version for result in results] == [0, 1, 0]
    assert stored(valkey, "prophet").events["key"].tolist() == [item_key(item_id(2))]


@pytest.mark.parametrize("ahead_s", [-60, 60])
def test_events_of_hosts_whose_clocks_are_a_minute_apart_are_all_in_the_next_answer(
    local_gateway: Reached, ahead_s: int
) -> None:
    user, now = f"between-clocks{ahead_s}", int(time.time())
    local_gateway.record(event(user, item_id(1), now))
    (recorded,) = local_gateway.record(event(user, item_id(2), now + ahead_s))
    answer = local_gateway.recommend(user, explain=True, min_row_version=recorded.row_version)
    assert list(answer.user.recent_item_ids) == [item_id(number) for number in ((2, 1) if ahead_s > 0 else (1, 2))]


def test_what_was_hidden_is_left_out_until_256_newer_events_push_it_out(local_gateway: Reached) -> None:
    hidden, start = item_id(3), 1_700_000_000
    local_gateway.record(
        event("forgetful", hidden, start, type=events_pb2.EVENT_TYPE_HIDE), event("forgetful", item_id(9), start + 999)
    )
    others = [event("forgetful", f"elsewhere-{number}", start + 1 + number) for number in range(255)]
    everything = {"limit": 100, "filter": recommender_pb2.Filter(exclude_seen=False)}
    for events, is_hidden in ((others[:-1], True), (others[-1:], False)):
        version = local_gateway.record(*events)[-1].row_version
        shown = item_ids(local_gateway.recommend("forgetful", min_row_version=version, **everything))
        assert (hidden not in shown) is is_hidden


def test_an_item_that_the_catalogue_lacks_is_kept(local_gateway: Reached, valkey: Valkey) -> None:
    (result,) = local_gateway.record(event("pioneer", "not-in-any-catalogue"))
    answer = local_gateway.recommend("pioneer", min_row_version=result.row_version)
    assert result.outcome == ACCEPTED
    assert stored(valkey, "pioneer").events["key"].tolist() == [item_key("not-in-any-catalogue")]
    assert answer.cold_start
    assert not answer.degraded


@pytest.mark.parametrize("codec", [0, 2, 255])
def test_a_row_of_another_codec_is_begun_anew_and_counted(local_gateway: Reached, valkey: Valkey, codec: int) -> None:
    user, bad_rows = f"foreigner-{codec}", local_gateway.count("shortlist_features_bad_rows_total")
    other = UserRow(version=9, counters=np.array([5.0, 5.0], np.float32)).encode()
    with valkey.client() as client:
        client.set(user_key(user), other[:2] + bytes([codec]) + other[3:])

    (result,) = local_gateway.record(event(user, item_id(4)))
    answer = local_gateway.recommend(user, explain=True, min_row_version=result.row_version)

    assert (result.outcome, result.row_version) == (ACCEPTED, 1)
    assert list(answer.user.recent_item_ids) == [item_id(4)]
    assert local_gateway.count("shortlist_features_bad_rows_total") > bad_rows


def test_a_key_of_another_kind_is_begun_anew(local_gateway: Reached, valkey: Valkey) -> None:
    with valkey.client() as client:
        client.rpush(user_key("lister"), "a")
    (result,) = local_gateway.record(event("lister", item_id(4)))
    assert result.outcome == ACCEPTED
    assert stored(valkey, "lister").version == 1


def test_the_log_keeps_the_whole_event(local_gateway: Reached, valkey: Valkey) -> None:
    told = event(
        "logged",
        item_id(8),
        1_700_000_000,
        type=events_pb2.EVENT_TYPE_PURCHASE,
        value=19.5,
        request_id="ab" * 16,
        rank=3,
        surface="home",
    )
    local_gateway.record(told)
    with valkey.client() as client:
        ((_, fields),) = client.xrevrange(stream_key(shard_of("logged")), count=1)
    assert events_pb2.Event.FromString(fields[b"event"]) == told


@pytest.mark.parametrize("count", [0, 1001])
def test_a_call_with_too_few_or_too_many_events_is_refused(local_gateway: Reached, count: int) -> None:
    request = events_pb2.RecordEventsRequest(events=[event("many", item_id(1))] * count)
    with pytest.raises(grpc.RpcError) as refused:
        local_gateway.call_record(request, timeout=TIMEOUT_S)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == f"events: must hold 1 to 1000 events, got {count}"
