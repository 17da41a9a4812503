"""The gateway and its online store over the wire: rows that are none, and a Valkey that is down, slow or empty."""

import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from shortlist.features.keys import user_key
from shortlist.release.bundle import Release
from shortlist.v1 import recommender_pb2
from support.gateways import TIMEOUT_S, Reached, item_ids, serving, steps_but_catalogue
from support.misbehaving import TcpProxy
from support.real_servers import Valkey
from support.running_cluster import wait_until
from support.tiny_release import item_id, numbers_in, user_row

BAD_ROWS = "shortlist_features_bad_rows_total"
_PRESENT = user_row([0, 6, 12], now_s=int(time.time()))


def damaged(value: bytes, at: int, byte: int) -> bytes:
    return value[:at] + bytes([byte]) + value[at + 1 :]


@pytest.fixture
def own_valkey(tmp_path: Path, tiny_release: Release) -> Iterator[Valkey]:
    """Run a Valkey that a test may kill, filled with the tiny release's users."""
    with Valkey(tmp_path) as server:
        server.fill(tiny_release)
        yield server


def test_a_stored_row_is_what_the_answer_is_made_from(local_gateway: Reached, valkey: Valkey) -> None:
    bread = numbers_in("Bread")
    with valkey.client() as client:
        client.set(user_key("baker"), user_row(bread[:5], now_s=int(time.time()), version=7).encode())

    answer = local_gateway.recommend("baker", limit=5, explain=True)

    assert list(answer.user.recent_item_ids) == [item_id(number) for number in bread[:5]]
    assert (answer.user.event_count, answer.user.row_version) == (5, 7)
    assert set(item_ids(answer)) <= {item_id(number) for number in bread[5:]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("empty", b""),
        ("shorter than a header", _PRESENT.encode()[:10]),
        ("truncated", _PRESENT.encode()[:-1]),
        ("too long", _PRESENT.encode() + b"\x00"),
        ("of another codec", damaged(_PRESENT.encode(), 2, 99)),
        ("with more events than a row holds", damaged(_PRESENT.encode(), 5, 255)),
        ("with an event of no type", damaged(_PRESENT.encode(), 24 + 16, 200)),
        ("with counters that are no numbers", _PRESENT.encode()[:-8] + b"\xff" * 8),
        ("not ours", b'{"user": "somebody", "items": [1, 2, 3]}'),
        ("random bytes", bytes(range(256)) * 20),
    ],
)
def test_a_row_that_is_none_counts_as_missing(local_gateway: Reached, valkey: Valkey, name: str, value: bytes) -> None:
    before = local_gateway.count(BAD_ROWS)
    with valkey.client() as client:
        client.set(user_key(name), value)

    answer = local_gateway.recommend(name)

    assert answer.cold_start
    assert len(answer.items) == 20
    assert not answer.degraded
    assert local_gateway.count(BAD_ROWS) == before + 1


def test_a_value_of_another_kind_counts_as_missing(local_gateway: Reached, valkey: Valkey) -> None:
    with valkey.client() as client:
        client.rpush(user_key("listed"), "a")

    answer = local_gateway.recommend("listed")

    assert answer.cold_start
    assert not answer.degraded


def test_a_row_of_items_that_the_release_does_not_know_is_a_cold_start(local_gateway: Reached, valkey: Valkey) -> None:
    row = user_row([0, 1], now_s=int(time.time()))
    row.events["key"] = [1, 2]
    with valkey.client() as client:
        client.set(user_key("stranger"), row.encode())

    answer = local_gateway.recommend("stranger")

    assert answer.cold_start
    assert not answer.degraded


def test_an_empty_valkey_makes_everyone_a_cold_start_and_nothing_degraded(
    tiny_release: Release, tmp_path: Path
) -> None:
    with Valkey(tmp_path) as empty, serving(tiny_release, empty.url) as reached:
        answer = reached.recommend("user-00")

    assert answer.cold_start
    assert not answer.degraded


def test_a_killed_valkey_degrades_the_answers_until_it_is_back(tiny_release: Release, own_valkey: Valkey) -> None:
    with serving(tiny_release, own_valkey.url, features_near_cache_bytes=0) as reached:
        assert not reached.recommend("user-00").degraded

        own_valkey.kill()

        answer = reached.recommend("user-00")
        assert answer.cold_start
        assert len(answer.items) == 20
        assert steps_but_catalogue(answer) == ["FEATURES_UNAVAILABLE"]
        with_session = reached.recommend("user-00", session_item_ids=[item_id(3)])
        assert not with_session.cold_start
        assert with_session.ranker == "onnxruntime"
        assert steps_but_catalogue(with_session) == ["FEATURES_UNAVAILABLE"]
        assert reached.count("shortlist_gateway_degraded_total", reason="features_unavailable") == 2
        assert reached.count("shortlist_gateway_dependency_errors_total", dependency="redis") > 0

        own_valkey.start()
        own_valkey.fill(tiny_release)

        wait_until(lambda: not reached.recommend("user-00").degraded, "the gateway reads user rows again")
        assert not reached.recommend("user-00").cold_start


def test_a_gateway_that_starts_without_valkey_serves_and_finds_it_later(tiny_release: Release, tmp_path: Path) -> None:
    late = Valkey(tmp_path)
    with serving(tiny_release, late.url) as reached, late:
        late.fill(tiny_release)

        wait_until(lambda: not reached.recommend("user-00").degraded, "the gateway reads user rows")


def test_a_valkey_that_hangs_costs_no_caller_its_deadline(tiny_release: Release, valkey: Valkey) -> None:
    with (
        TcpProxy(valkey.port) as proxy,
        serving(
            tiny_release,
            f"redis://127.0.0.1:{proxy.port}/0",
            features_timeout_s=0.05,
            features_near_cache_bytes=0,
        ) as reached,
    ):
        assert not reached.recommend("user-00").degraded

        proxy.hold()

        # More calls than it takes to open the breaker: before, each waits for its timeout; after, none waits.
        for _ in range(8):
            answer = reached.recommend("user-00")
            assert steps_but_catalogue(answer) == ["FEATURES_UNAVAILABLE"]
            assert len(answer.items) == 20
        assert reached.count("shortlist_gateway_dependency_errors_total", dependency="redis") == 8
        wait_until(lambda: reached.count("shortlist_gateway_breaker_state", dependency="redis") == 2, "an open breaker")

        proxy.let_go()

        wait_until(lambda: not reached.recommend("user-00").degraded, "the gateway reads user rows again")
        wait_until(
            lambda: reached.count("shortlist_gateway_breaker_state", dependency="redis") == 0, "a closed breaker"
        )


def test_a_valkey_that_hangs_is_left_alone_though_every_caller_is_in_a_hurry(
    tiny_release: Release, valkey: Valkey
) -> None:
    request = recommender_pb2.RecommendRequest(user_id="user-00")
    with (
        TcpProxy(valkey.port) as proxy,
        serving(tiny_release, f"redis://127.0.0.1:{proxy.port}/0", features_timeout_s=0.3) as reached,
    ):
        proxy.hold()

        def outcome() -> grpc.StatusCode:
            call = reached.call.future(request, timeout=0.2)
            call.exception(TIMEOUT_S)
            return call.code()

        wait_until(lambda: outcome() is grpc.StatusCode.OK, "an answer within the caller's deadline")
