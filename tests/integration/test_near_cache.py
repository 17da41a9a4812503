"""The near cache over a real Valkey: what others write is seen, and what is lost is never taken for fresh."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shortlist.features.config import FeatureSettings
from shortlist.features.keys import user_key
from shortlist.features.redis_store import RedisUserStore
from shortlist.features.row import UserRow
from shortlist.release.bundle import Release
from support.gateways import Reached, serving, steps_but_catalogue
from support.misbehaving import TcpProxy
from support.near_caches import Observed, live_cache
from support.real_servers import Valkey
from support.running_cluster import wait_until
from support.tiny_release import user_row

READS = "shortlist_features_near_cache_reads_total"


@pytest.fixture
def own_valkey(tmp_path: Path, tiny_release: Release) -> Iterator[Valkey]:
    """Run a Valkey that a test may kill, filled with the tiny release's users."""
    with Valkey(tmp_path) as server:
        server.fill(tiny_release)
        yield server


@pytest.fixture
def live(valkey: Valkey) -> Iterator[Observed]:
    """Run a cache over the shared Valkey."""
    with live_cache(FeatureSettings(redis_url=valkey.url, timeout_s=5.0)) as cache:
        yield cache


def write(server: Valkey, user_id: str, version: int) -> None:
    """Write a row as another process would."""
    with server.client() as client:
        client.set(user_key(user_id), user_row([0, 6, 12], now_s=int(time.time()), version=version).encode())


def hold(live: Observed, user_id: str, version: int) -> None:
    """Read a row until it is held: while the push of its write is on its way, it is not."""
    hits = live.count("reads_total", outcome="hit")
    wait_until(
        lambda: live.versions(user_id) == [version] and live.count("reads_total", outcome="hit") > hits,
        "a row that is held",
    )


def version_seen(reached: Reached, user_id: str) -> int:
    """Ask a gateway which version of a row it answers from."""
    answer = reached.recommend(user_id, explain=True)
    assert not answer.degraded
    return int(answer.user.row_version)


def test_what_another_client_writes_is_seen(live: Observed, valkey: Valkey) -> None:
    for version in range(1, 20):
        write(valkey, "cached", version)
        wait_until(lambda version=version: live.versions("cached") == [version], "the new version")
    hold(live, "cached", 19)


def test_a_row_that_expires_or_is_deleted_is_seen_to_be_gone(live: Observed, valkey: Valkey) -> None:
    write(valkey, "deleted", 1)
    hold(live, "deleted", 1)
    with valkey.client() as client:
        client.delete(user_key("deleted"))
    wait_until(lambda: live.versions("deleted") == [None], "no row")


def test_a_demand_for_a_version_is_met_at_once(live: Observed, valkey: Valkey) -> None:
    with closing(RedisUserStore.connect(FeatureSettings(redis_url=valkey.url, timeout_s=5.0), 1)) as writer:
        for version in range(1, 50):
            writer.write([("demanding", UserRow(version=version))])
            assert live.versions("demanding", min_versions=[version]) == [version]


def test_a_killed_tracking_connection_is_noticed_and_opened_again(live: Observed, valkey: Valkey) -> None:
    write(valkey, "killed", 1)
    hold(live, "killed", 1)
    with valkey.client() as client:
        client.client_kill_filter(_type="pubsub")
    wait_until(lambda: live.count("tracking_losses_total") >= 1, "a lost connection")
    wait_until(lambda: live.cache.is_tracked, "Redis to tell of changes again")
    write(valkey, "killed", 2)
    wait_until(lambda: live.versions("killed") == [2], "the new version")


def test_a_flush_drops_everything(own_valkey: Valkey) -> None:
    with live_cache(FeatureSettings(redis_url=own_valkey.url, timeout_s=5.0)) as live:
        write(own_valkey, "flushed", 1)
        hold(live, "flushed", 1)
        with own_valkey.client() as client:
            client.flushall()
        wait_until(lambda: live.versions("flushed") == [None], "no row")


def test_a_connection_that_hangs_makes_rows_stale_and_then_fresh_again(valkey: Valkey) -> None:
    with TcpProxy(valkey.port) as proxy:
        settings = FeatureSettings(redis_url=f"redis://127.0.0.1:{proxy.port}/0", timeout_s=0.3)
        with live_cache(settings) as live:
            write(valkey, "hung", 1)
            hold(live, "hung", 1)
            proxy.hold()
            wait_until(lambda: not live.cache.is_tracked, "a silence that is noticed")
            assert set(live.read("hung").stale) == {0}
            write(valkey, "hung", 2)
            proxy.let_go()
            wait_until(lambda: live.versions("hung") == [2], "the new version")
            wait_until(lambda: live.cache.is_tracked, "Redis to tell of changes again")


def test_a_user_who_may_not_track_is_served_from_redis_every_time(tiny_release: Release, own_valkey: Valkey) -> None:
    with own_valkey.client() as client:
        client.acl_setuser(
            "blind",
            enabled=True,
            nopass=True,
            keys=["u:*", "cat:*"],
            categories=["+@read", "+@write", "+@scripting", "+@connection"],
            commands=["+time"],
        )
    with serving(tiny_release, own_valkey.url.replace("//", "//blind:any@")) as reached:
        wait_until(lambda: reached.count("shortlist_features_near_cache_tracking_losses_total") >= 2, "refusals")
        for _ in range(3):
            assert not reached.recommend("user-00").degraded
        assert reached.count(READS, outcome="hit") == 0
        assert reached.count("shortlist_features_near_cache_tracked") == 0


def test_a_killed_valkey_leaves_stale_answers_until_it_is_back(tiny_release: Release, own_valkey: Valkey) -> None:
    with serving(tiny_release, own_valkey.url) as reached:
        wait_until(lambda: reached.count("shortlist_features_near_cache_tracked") == 1, "Redis to tell of changes")
        assert not reached.recommend("user-00").degraded

        own_valkey.kill()

        wait_until(lambda: reached.count("shortlist_features_near_cache_tracked") == 0, "the loss")
        held, other = reached.recommend("user-00"), reached.recommend("never-asked-for")
        assert (steps_but_catalogue(held), held.cold_start) == (["STALE_FEATURES"], False)
        assert (steps_but_catalogue(other), other.cold_start) == (["FEATURES_UNAVAILABLE"], True)
        assert reached.count(READS, outcome="stale") >= 1
        assert reached.count(READS, outcome="unread") == 1

        own_valkey.start()
        write(own_valkey, "user-00", 7)

        wait_until(lambda: not reached.recommend("user-00").degraded, "the gateway reads user rows again")
        assert version_seen(reached, "user-00") == 7


def test_rows_that_are_too_old_are_not_served(tiny_release: Release, own_valkey: Valkey) -> None:
    with serving(tiny_release, own_valkey.url, features_max_stale_s=0.0) as reached:
        assert not reached.recommend("user-00").degraded
        own_valkey.kill()
        wait_until(
            lambda: steps_but_catalogue(reached.recommend("user-00")) == ["FEATURES_UNAVAILABLE"],
            "a row that is too old",
        )


def test_what_is_written_is_seen_in_two_gateways(tiny_release: Release, valkey: Valkey) -> None:
    write(valkey, "shared", 1)
    with serving(tiny_release, valkey.url) as first, serving(tiny_release, valkey.url) as second:
        for reached in (first, second):
            wait_until(lambda reached=reached: version_seen(reached, "shared") == 1, "the row")
        for version in range(2, 6):
            write(valkey, "shared", version)
            for reached in (first, second):
                wait_until(
                    lambda reached=reached, version=version: version_seen(reached, "shared") == version, "the write"
                )


def test_without_bytes_there_is_no_cache(tiny_release: Release, valkey: Valkey) -> None:
    with serving(tiny_release, valkey.url, features_near_cache_bytes=0) as reached:
        reached.recommend("user-00")
        assert "near_cache" not in reached.scrape()
