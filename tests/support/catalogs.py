"""Gateways of one live catalogue, in processes of their own, and what tests ask of them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from shortlist.release.bundle import Release
from shortlist.v1 import catalog_pb2, recommender_pb2
from support.gateway_process import ServiceProcess, running, settings_of
from support.gateways import TIMEOUT_S, Reached, item_ids, reaching
from support.real_servers import free_ports


@contextmanager
def gateway_process(
    release: Release, redis_url: str, directory: Path, **others: str
) -> Iterator[tuple[Reached, ServiceProcess]]:
    """Run one gateway; `others` are settings as `settings_of` takes them."""
    ports = free_ports()
    settings = settings_of(
        release.path,
        ports.gateway,
        **{
            "features_redis_url": redis_url,
            "features_timeout_s": "2",
            "features_events_timeout_s": "5",
            "gateway_start_wait_s": "20",
            "gateway_metrics_address": f"127.0.0.1:{ports.metrics}",
            **others,
        },
    )
    directory.mkdir()
    with (
        running(settings, ports.gateway, directory) as process,
        reaching(ports.gateway, ports.metrics) as reached,
    ):
        yield reached, process


@contextmanager
def gateways(release: Release, redis_url: str, directory: Path, count: int) -> Iterator[list[Reached]]:
    """Run so many gateways over one Redis."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(gateway_process(release, redis_url, directory / str(number)))[0]
            for number in range(count)
        ]


def upsert(reached: Reached, *items: catalog_pb2.Item) -> int:
    """Add or replace items; the catalogue's sequence number."""
    return int(reached.call_upsert(catalog_pb2.UpsertItemsRequest(items=items), timeout=TIMEOUT_S).sequence)


def delete(reached: Reached, *ids: str, timeout_s: float = TIMEOUT_S) -> int:
    """Take items off; the catalogue's sequence number."""
    return int(reached.call_delete(catalog_pb2.DeleteItemsRequest(item_ids=ids), timeout=timeout_s).sequence)


def read(reached: Reached, *ids: str) -> catalog_pb2.GetItemsResponse:
    """Read items."""
    return reached.call_items(catalog_pb2.GetItemsRequest(item_ids=ids), timeout=TIMEOUT_S)


def in_categories(reached: Reached, names: Sequence[str], user_id: str = "user-00", **fields: Any) -> list[str]:
    """Name what a user is shown of some categories, seen or not."""
    condition = recommender_pb2.Filter(include_categories=names, exclude_seen=False)
    return item_ids(reached.recommend(user_id, limit=200, filter=condition, **fields))
