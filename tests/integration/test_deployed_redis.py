"""The online store as deployed: who may do what, what survives a crash, and who is told when the password is wrong."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from shortlist.core.keys import item_keys
from shortlist.features.app import Features
from shortlist.features.config import FeatureSettings
from shortlist.features.event_store import RedisEventStore
from shortlist.features.events import Recorded
from shortlist.features.keys import user_key
from shortlist.features.live_lists import RedisLiveLists
from shortlist.features.redis_store import RedisUserStore
from shortlist.features.row import UserRow
from shortlist.release.bundle import Release
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.v1 import catalog_pb2
from support.catalogs import delete, upsert
from support.deployed_redis import DeployedRedis
from support.derivations import logged_event
from support.gateway_process import error_of, failed_start, settings_of
from support.gateways import serving
from support.near_caches import live_cache
from support.running_cluster import wait_until
from support.user_events import user_event


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedRedis]:
    with DeployedRedis(tmp_path_factory.mktemp("redis")) as running:
        yield running


def settings(server: DeployedRedis) -> FeatureSettings:
    return FeatureSettings(
        redis_url=server.url("gateway"), redis_password_file=server.secrets / "redis_gateway_password", timeout_s=5.0
    )


def connected(server: DeployedRedis, user: str) -> "redis.Redis":
    password = (server.secrets / f"redis_{user}_password").read_text().strip()
    return redis.Redis.from_url(server.url(user), password=password, socket_timeout=5.0)


def test_the_gateway_s_user_reads_and_writes_rows(server: DeployedRedis) -> None:
    with closing(RedisUserStore.connect(settings(server), 2)) as store:
        store.check()
        store.write([("ann", UserRow(version=3))])
        (row,) = store.read(["ann"], Deadline(NEVER)).rows
    assert row is not None
    assert row.version == 3


def test_the_gateway_s_user_records_events(server: DeployedRedis) -> None:
    with closing(RedisEventStore.connect(settings(server))) as store:
        outcomes = store.record([user_event("a", user_id="dee"), user_event("b", user_id="dee")])
        assert outcomes == [Recorded(1, is_duplicate=False)] * 2


def test_the_gateway_s_user_derives_from_events_and_reads_the_lists(server: DeployedRedis) -> None:
    with (
        closing(RedisEventStore.connect(settings(server))) as store,
        closing(RedisLiveLists.connect(settings(server))) as lists,
        Features(settings(server).model_copy(update={"metrics_address": "127.0.0.1:0", "merge_s": 0.1})),
    ):
        store.record([logged_event("a", user_id="eve", item_id="item-7", time_s=int(time.time()))])
        wait_until(lambda: _trending(lists) == item_keys(["item-7"]).tolist(), "the event is in the published list")


def test_the_gateway_s_user_changes_the_catalogue_and_follows_it(server: DeployedRedis, tiny_release: Release) -> None:
    with serving(
        tiny_release,
        server.url("gateway"),
        features_redis_password_file=server.secrets / "redis_gateway_password",
    ) as reached:
        upsert(reached, catalog_pb2.Item(item_id="new", title="New"))
        wait_until(lambda: reached.count("shortlist_gateway_catalogue_new_items") == 1, "the new item is known")
        # The catalogue is as young as the server: a deletion waits for whoever may be at work already.
        assert delete(reached, "new") == 2
        assert not reached.recommend("anybody").degraded


def _trending(lists: RedisLiveLists) -> list[int]:
    try:
        read = lists.read(None)
    except LookupError:
        return []
    return read.trending.keys.tolist() if read else []


def test_the_gateway_s_user_is_told_which_rows_change(server: DeployedRedis) -> None:
    with live_cache(settings(server)) as live, closing(RedisUserStore.connect(settings(server), 2)) as writer:
        for version in (1, 2):
            writer.write([("cy", UserRow(version=version))])
            wait_until(lambda version=version: live.versions("cy") == [version], "the row's new version")


def test_it_hears_of_nothing_but_that(server: DeployedRedis) -> None:
    with connected(server, "gateway") as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command("SUBSCRIBE", "news")


def test_it_may_neither_flush_nor_touch_what_is_not_its_own(server: DeployedRedis) -> None:
    with connected(server, "gateway") as client:
        commands: tuple[tuple[Any, ...], ...] = (
            ("FLUSHALL",),
            ("CONFIG", "SET", "maxmemory", "1"),
            ("KEYS", "*"),
            ("SET", "other", "1"),
            ("SHUTDOWN",),
        )
        for command in commands:
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)


def test_the_exporter_s_user_reads_what_the_server_says_of_itself_and_no_user(server: DeployedRedis) -> None:
    with connected(server, "exporter") as client:
        assert client.info("memory")["maxmemory_policy"] == "noeviction"
        assert client.config_get("maxmemory")
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.get(user_key("ann"))
    passwords = json.loads((server.secrets / "redis_exporter_passwords.json").read_text())
    assert set(passwords.values()) == {(server.secrets / "redis_exporter_password").read_text().strip()}


def test_without_a_password_nobody_may_more_than_ping(server: DeployedRedis) -> None:
    with redis.Redis.from_url(f"redis://127.0.0.1:{server.port}/0", socket_timeout=5.0) as client:
        assert client.ping()
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.get(user_key("ann"))


def test_the_operator_may_everything(server: DeployedRedis) -> None:
    with connected(server, "operator") as client:
        assert client.acl_whoami() == "operator"
        client.config_get("*")


def test_what_was_written_survives_a_crash(tmp_path: Path) -> None:
    with DeployedRedis(tmp_path) as server:
        with closing(RedisUserStore.connect(settings(server), 2)) as store:
            store.write([("ann", UserRow(version=7))])
        server.kill()
        server.start()
        with closing(RedisUserStore.connect(settings(server), 2)) as store:
            (row,) = store.read(["ann"], Deadline(NEVER)).rows
    assert row is not None
    assert row.version == 7


@pytest.mark.parametrize("password", ["wrong", None], ids=["a wrong password", "no password"])
def test_a_gateway_that_the_store_refuses_says_so_in_one_line(
    server: DeployedRedis, tiny_release: Release, tmp_path: Path, password: str | None
) -> None:
    others = {"features_redis_url": server.url("gateway") if password else f"redis://127.0.0.1:{server.port}/0"}
    if password:
        (tmp_path / "password").write_text(password)
        others["features_redis_password_file"] = str(tmp_path / "password")

    status, lines = failed_start(settings_of(tiny_release.path, **others))

    assert status == 1
    assert len([line for line in lines if line.startswith("{")]) == 1
    assert "SHORTLIST_FEATURES_REDIS_PASSWORD_FILE" in error_of(lines)


def test_a_gateway_with_the_right_one_answers_from_rows(server: DeployedRedis, tiny_release: Release) -> None:
    with closing(RedisUserStore.connect(settings(server), 2)) as store:
        store.write([("user-of-redis", UserRow())])
    password = server.secrets / "redis_gateway_password"
    with serving(tiny_release, server.url("gateway"), features_redis_password_file=password) as reached:
        assert not reached.recommend("user-of-redis").degraded
