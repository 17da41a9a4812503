"""The circle closes: what a gateway recorded of what it served is exported, trained on, and served again."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from shortlist.core.errors import InputError
from shortlist.features.config import FeatureSettings
from shortlist.features.event_log import PAGE, EventLog
from shortlist.offline import datasets
from shortlist.offline.build import write_release
from shortlist.offline.event_export import export_events
from shortlist.offline.progress import Stages
from shortlist.offline.ranker_training import RankerSettings
from shortlist.offline.recipe import Recipe
from shortlist.offline.tower_training import TowerSettings
from shortlist.release.bundle import Release, written_beside
from shortlist.v1 import events_pb2
from support.gateway_process import environment_of
from support.gateways import item_ids, serving
from support.real_servers import Valkey
from support.tiny_release import DAY_S, USERS
from support.user_events import START_S

RECIPE = Recipe(holdout=0.0, precision="fp32", towers=TowerSettings(epochs=1), ranker=RankerSettings(steps=5))
SERVED = 5
"""Slates that each user is shown; what is first on one is bought."""


@pytest.fixture(scope="module")
def shop(tiny_release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Serve slates to the tiny release's users over months; they see three items of each and buy the best of them."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        server.fill(tiny_release)
        with serving(tiny_release, server.url, front="grpcio", features_near_cache_bytes=0) as gateway:
            for day in range(SERVED):
                for number, user in enumerate(tiny_release.histories().users):
                    answer = gateway.recommend(user, limit=3)
                    at_s = START_S + (10 * day + number % 7) * DAY_S
                    gateway.record(
                        *(
                            events_pb2.Event(
                                event_id=f"{user} {day} {rank} {kind}",
                                user_id=user,
                                item_id=item,
                                type=kind,
                                time=Timestamp(seconds=at_s + kind),
                                value=4.5 if kind == events_pb2.EVENT_TYPE_PURCHASE else 0.0,
                                request_id=answer.request_id,
                                rank=rank,
                                surface="home",
                            )
                            for rank, item in enumerate(item_ids(answer), start=1)
                            for kind in (events_pb2.EVENT_TYPE_IMPRESSION, events_pb2.EVENT_TYPE_PURCHASE)
                            if rank == 1 or kind == events_pb2.EVENT_TYPE_IMPRESSION
                        )
                    )
        yield server


def export(server: Valkey, out: Path, release: Release | None = None) -> Path:
    """Export what it recorded; the TOML."""
    with closing(EventLog.connect(FeatureSettings(redis_url=server.url))) as log:
        return export_events(log.pages(), out, release).toml


def test_an_export_holds_every_event_as_it_was_recorded(shop: Valkey, tmp_path: Path) -> None:
    export(shop, tmp_path / "log.parquet")
    rows = pl.read_parquet(tmp_path / "log.parquet")
    assert rows.height == USERS * SERVED * 4
    assert rows["type"].value_counts(sort=True).rows() == [
        ("impression", USERS * SERVED * 3),
        ("purchase", USERS * SERVED),
    ]
    assert rows["event_id"].n_unique() == rows.height
    assert rows.filter(pl.col("type") == "purchase")["value"].unique().to_list() == [4.5]
    assert rows["rank"].unique().sort().to_list() == [1, 2, 3]
    assert rows["surface"].unique().to_list() == ["home"]
    assert rows["request_id"].str.len_chars().unique().to_list() == [32]


def test_the_dataset_events_reads_an_export_with_the_items_of_the_release(
    shop: Valkey, tiny_release: Release, tmp_path: Path
) -> None:
    log = datasets.load("events", export(shop, tmp_path / "log.parquet", tiny_release))
    assert log.rows_read == log.events.height == USERS * SERVED * 4
    assert log.events["time"].min() == START_S + 1
    items = {row["item"]: row for row in log.items.iter_rows(named=True)}
    known = tiny_release.catalogue
    for row, item_id in enumerate(tiny_release.vocabulary.ids, start=2):
        if item_id in items:
            assert items[item_id]["title"] == known.titles[row]
            assert list(items[item_id]["categories"]) == known.categories_of(row)


@pytest.mark.slow
def test_a_release_trained_on_what_was_served_serves(shop: Valkey, tiny_release: Release, tmp_path: Path) -> None:
    log = datasets.load("events", export(shop, tmp_path / "log.parquet", tiny_release))
    with Stages() as stages, written_beside(tmp_path / "release") as folder:
        write_release(log, folder, RECIPE, stages)
    release = Release.open(tmp_path / "release")
    assert release.manifest.dataset == "events"
    assert set(release.histories().users) <= set(tiny_release.histories().users)
    with serving(release, shop.url, front="grpcio") as gateway:
        answer = gateway.recommend("user-00", limit=5)
    assert answer.ranker
    assert set(item_ids(answer)) <= set(tiny_release.vocabulary.ids)


def test_the_command_says_how_to_train_on_what_it_wrote(shop: Valkey, tmp_path: Path) -> None:
    out = tmp_path / "log.parquet"
    ended = subprocess.run(
        [sys.executable, "-m", "shortlist.cli", "events", "export", "--out", str(out)],
        env=environment_of({"SHORTLIST_FEATURES_REDIS_URL": shop.url}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert (
        f"{USERS * SERVED * 4} events; train on them with --dataset events --path {tmp_path}/log.toml" in ended.stdout
    )
    again = subprocess.run(
        [sys.executable, "-m", "shortlist.cli", "events", "export", "--out", str(out)],
        env=environment_of({"SHORTLIST_FEATURES_REDIS_URL": shop.url}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
    assert "log.parquet exists" in again.stderr


def test_more_events_of_a_shard_than_a_page_are_read_once_each(shop: Valkey) -> None:
    with closing(EventLog.connect(FeatureSettings(redis_url=shop.url))) as log, shop.client() as client:
        client.delete("ev:{00}")
        for number in range(2 * PAGE + 1):
            client.xadd("ev:{00}", {"event": events_pb2.Event(event_id=str(number)).SerializeToString()})
        client.xadd("ev:{00}", {"event": b"\xff"})
        ids = [event.event_id for page in log.pages() for event in page if event.event_id.isdigit()]
        client.delete("ev:{00}")
    assert ids == [str(number) for number in range(2 * PAGE + 1)]


@pytest.mark.parametrize("name", ["log.csv", "log"])
def test_a_name_that_is_none_of_a_parquet_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"must end with \.parquet"):
        export_events([], tmp_path / name)


def test_without_events_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no events"):
        export_events([], tmp_path / "log.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        export_events([], tmp_path / "nowhere" / "log.parquet")
