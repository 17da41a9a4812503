"""What all sources cost beside the query tower alone: `python -m loadtest.scenarios.sources`.

The gateway's parts answer in this process, without network and reads of rows, which would only hide the difference.
All sources are the release's own, co-visits and trending items, overall and by category, as lists that were read from
Valkey, and new arrivals: 2,000 items that came after the release. The lists come from the histories by way of the
consumers' own code. The workload's release has no neighbour lists: co-visits are a source of that kind, and stand for
them. Both ways take turns over the same users, in lone calls and in calls for 32.
"""

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from itertools import cycle, islice
from typing import Any

import numpy as np
import redis
from prometheus_client import CollectorRegistry
from rich.console import Console

from loadtest.in_process import AtOnce, MadeCall, Parts
from loadtest.scenarios import command
from loadtest.scenarios.testbed import NotMeasuredError, testbed
from loadtest.workload import LIMIT, Workload
from shortlist.features.config import FeatureSettings
from shortlist.features.covisits import Pairs, covisits
from shortlist.features.live_lists import LiveLists, RedisLiveLists
from shortlist.features.trending import MOST, Trending
from shortlist.gateway.catalog import LiveCatalogue
from shortlist.gateway.catalog_readers import Readers
from shortlist.gateway.catalog_room import with_room
from shortlist.gateway.live import LIVE_SOURCES, LiveSources
from shortlist.gateway.requests import MAX_LIMIT
from shortlist.gateway.servicer import RECOMMEND_BATCH, Servicer
from shortlist.release.bundle import Release
from shortlist.retrieval.delta import NEW_ARRIVALS, NewArrivals
from shortlist.retrieval.live import LiveSource
from shortlist.retrieval.open import open_index
from shortlist.retrieval.sources import TowerSource, served_sources
from shortlist.retrieval.tower import QueryTower
from shortlist.telemetry.catalogue import CatalogueMetrics
from shortlist.v1.catalog_pb2 import Item
from shortlist.v1.recommender_pb2 import RecommendBatchRequest, RecommendBatchResponse, RecommendRequest

ROUNDS, SECONDS = 5, 3.0
BATCH = 32
NEW_ITEMS = 2_000
_TOUCHED_TOGETHER = 8
"""Events of a user that go with the one before them."""


class _Batch(MadeCall):
    """A RecommendBatch that keeps its answer."""

    method, answer = RECOMMEND_BATCH, b""

    def respond(self, payload: bytes) -> bool:
        """Keep the answer."""
        self.answer = payload
        return True


def measure(work: Workload, console: Console, *, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Measure medians of both ways.

    Args:
        work: The workload.
        console: Says where it is.
        rounds: Of each.
        seconds: Of lone calls, and again of calls for 32.

    Raises:
        NotMeasuredError: an answer was not whole, or did not come from the sources that it should.
    """
    release = with_room(Release.open(work.release_dir), NEW_ITEMS)
    catalogue, users, found = _with_new_items(release), release.histories().users, []
    with testbed(work) as bed, ExitStack() as stack:
        store = stack.enter_context(closing(RedisLiveLists.connect(FeatureSettings(redis_url=bed.store.url))))
        live = LiveSources(lambda: catalogue().release, store)
        ways = _ways(release, live, catalogue, stack)
        expected = ({TowerSource.name}, {*release.manifest.features.sources, *LIVE_SOURCES, NEW_ARRIVALS})
        for number in range(rounds):
            console.print(f"sources, round {number + 1} of {rounds}")
            # Anew, as the consumers do every few seconds: a source whose lists are a minute old is left out.
            with redis.Redis.from_url(bed.store.url) as client:
                for published in _lists(release, f"{number}".encode()).commands():
                    client.execute_command(*published)
            live.look()
            for way, names in zip(ways, expected, strict=True):
                _require(way, users[:BATCH], names)
            found.append({f"{size}": _medians(ways, users, size, seconds) for size in (1, BATCH)})
    return {"rounds": found}


def _ways(release: Release, live: LiveSources, catalogue: LiveCatalogue, stack: ExitStack) -> tuple[Servicer, Servicer]:
    """Make what asks the query tower alone, and what asks all sources."""
    manifest = release.manifest
    index = open_index(release, "cpu")
    stack.callback(index.close)
    tower = QueryTower(
        release.query_tower_path, manifest.query_tower, release.items.embeddings, manifest.features.history_length
    )
    own = served_sources(release.items, manifest.features.sources, tower, index)
    # The ranker has columns for all of them: the others propose nothing, as a live source without lists.
    alone = [source if source.name == TowerSource.name else LiveSource(source.name) for source in own]
    one = Parts(release, alone, shelf=catalogue)
    every = Parts(release, own, (*live.all, NewArrivals(tower)), catalogue)
    return one.servicer(AtOnce(one.runner().run)), every.servicer(AtOnce(every.runner().run))


def _with_new_items(release: Release) -> LiveCatalogue:
    """Put items that are like the release's first ones into the room behind it."""
    catalogue = LiveCatalogue(release, CatalogueMetrics(CollectorRegistry()), Readers())
    records = {}
    for number in range(NEW_ITEMS):
        row = number % release.manifest.item_count + 2
        item = Item(item_id=f"new-{number}", title="New", categories=release.catalogue.categories_of(row), price=9.5)
        records[item.item_id] = item.SerializeToString()
    catalogue.apply(records, 1)
    return catalogue


def _lists(release: Release, version: bytes) -> LiveLists:
    """Derive what is trending, and what goes together, from the histories that came with the release."""
    histories = release.histories()
    keys = release.vocabulary.keys_by_row()
    counts = np.bincount(histories.rows, minlength=len(keys))
    best = np.argsort(-counts, kind="stable")[: min(MOST, np.count_nonzero(counts))]
    trending = Trending(keys[best], counts[best].astype(np.float32))

    touched, places = np.unique(keys[histories.rows], return_inverse=True)
    owners = np.repeat(np.arange(len(histories)), np.diff(histories.offsets))
    codes = []
    for apart in range(1, _TOUCHED_TOGETHER + 1):
        one, other = places[:-apart], places[apart:]
        is_pair = (owners[:-apart] == owners[apart:]) & (one != other)
        codes.append((np.minimum(one, other) * len(touched) + np.maximum(one, other))[is_pair])
    pairs, weights = np.unique(np.concatenate(codes), return_counts=True)
    together = Pairs(touched, *np.divmod(pairs, len(touched)), weights.astype(np.float64))
    return LiveLists(version, trending, covisits(together))


def _batch(users: Sequence[str], limit: int = LIMIT) -> _Batch:
    requests = [RecommendRequest(user_id=user, limit=limit) for user in users]
    return _Batch(RecommendBatchRequest(requests=requests).SerializeToString())


def _require(way: Servicer, users: Sequence[str], expected: set[str]) -> None:
    """See that answers are whole and come from these sources."""
    call = _batch(users, MAX_LIMIT)
    way([call])
    answers = [result.response for result in RecommendBatchResponse.FromString(call.answer).results]
    sources = {source for answer in answers for item in answer.items for source in item.sources}
    if sources != expected or any(answer.degraded or not answer.ranker for answer in answers):
        raise NotMeasuredError(f"answers come from {', '.join(sorted(sources))}, or are not whole")


def _medians(ways: Sequence[Servicer], users: Sequence[str], size: int, seconds: float) -> dict[str, float]:
    """Answer so many users at a time both ways; medians in milliseconds."""
    took_s: tuple[list[float], list[float]] = ([], [])
    asking, ends = cycle(users), time.perf_counter() + seconds
    while time.perf_counter() < ends:
        own = list(islice(asking, size))
        for way in (0, 1) if len(took_s[0]) % 2 else (1, 0):
            lone = RecommendRequest(user_id=own[0], limit=LIMIT)
            call = _batch(own) if size > 1 else MadeCall(lone.SerializeToString())
            began = time.perf_counter()
            ways[way]([call])
            took_s[way].append(time.perf_counter() - began)
    return {name: float(np.median(took)) * 1e3 for name, took in zip(("one_ms", "all_ms"), took_s, strict=True)}


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
