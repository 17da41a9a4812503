"""A real gateway in the test's process, its metrics over HTTP, and clients with connections of their own."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from shortlist.features.config import FeatureSettings
from shortlist.gateway.app import Gateway
from shortlist.gateway.config import GatewaySettings, RankingSettings
from shortlist.release.bundle import Release
from shortlist.retrieval.config import RetrievalSettings
from shortlist.v1 import catalog_pb2_grpc, events_pb2, events_pb2_grpc, recommender_pb2, recommender_pb2_grpc
from support.front_doors import channel_to
from support.real_servers import SECRET_FILE

TIMEOUT_S = 10.0
UNREACHABLE = "127.0.0.1:9"  # discard: nobody listens


class Reached:
    """A gateway as its callers and its operator reach it.

    Args:
        port: Of the front door.
        metrics_port: Of the metrics.
    """

    def __init__(self, port: int, metrics_port: int) -> None:
        self.port, self.metrics_port = port, metrics_port
        self.address = f"127.0.0.1:{port}"
        self.channel = channel_to(self.address)
        self._recommender = recommender_pb2_grpc.RecommenderServiceStub(self.channel)
        self._events = events_pb2_grpc.EventServiceStub(self.channel)
        self._catalog = catalog_pb2_grpc.CatalogServiceStub(self.channel)
        self.call = self._recommender.Recommend
        self.call_batch = self._recommender.RecommendBatch
        self.call_similar = self._recommender.SimilarItems
        self.call_rank = self._recommender.Rank
        self.call_record = self._events.RecordEvents
        self.call_items = self._catalog.GetItems
        self.call_upsert = self._catalog.UpsertItems
        self.call_delete = self._catalog.DeleteItems

    def recommend(self, user_id: str, **fields: Any) -> recommender_pb2.RecommendResponse:
        """Ask for a slate."""
        return self.call(recommender_pb2.RecommendRequest(user_id=user_id, **fields), timeout=TIMEOUT_S)

    def record(self, *events: events_pb2.Event) -> list[events_pb2.EventResult]:
        """Record events."""
        return list(self.call_record(events_pb2.RecordEventsRequest(events=events), timeout=TIMEOUT_S).results)

    def scrape(self) -> str:
        """Read the metrics page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def metrics(self) -> dict[str, Metric]:
        """Scrape and parse."""
        return {family.name: family for family in text_string_to_metric_families(self.scrape())}

    def count(self, sample: str, **labels: str) -> float:
        """Add up the samples of this name whose labels include the given ones."""
        return sum(
            found.value
            for family in self.metrics().values()
            for found in family.samples
            if found.name == sample and labels.items() <= found.labels.items()
        )


@contextmanager
def reaching(port: int, metrics_port: int) -> Iterator[Reached]:
    """Reach a gateway until the end of the `with`."""
    reached = Reached(port, metrics_port)
    with reached.channel:
        yield reached


@contextmanager
def serving(
    release: Release,
    redis: str = f"redis://{UNREACHABLE}/0",
    triton: str | None = None,
    retrieval: str = "",
    **settings: Any,
) -> Iterator[Reached]:
    """Run a gateway on free ports, with more patience than in production: a busy machine is no fault of a dependency.

    Args:
        release: What it serves.
        redis: URL of the online store.
        triton: Triton's address; None: it ranks in its own process.
        retrieval: The retrieval service's address; empty: it searches in its own process.
        settings: Of the gateway and, prefixed with `features_`, `retrieval_` and `ranking_`, of its parts.
    """
    parts = {prefix: _pop(settings, prefix) for prefix in ("features_", "retrieval_", "ranking_")}
    own: dict[str, Any] = {
        "release": release.path,
        "address": "127.0.0.1:0",
        "metrics_address": "127.0.0.1:0",
        "start_wait_s": 0.0,
        "retrieval_address": retrieval,
        "retrieval_timeout_s": 2.0,
        **settings,
    }
    features: dict[str, Any] = {"redis_url": redis, "timeout_s": 2.0, **parts["features_"]}
    searching: dict[str, Any] = {"device": "cpu", **parts["retrieval_"]}
    ranking: dict[str, Any] = {
        "backend": "triton" if triton else "onnxruntime",
        "triton_address": triton or UNREACHABLE,
        "triton_secret_file": SECRET_FILE,
        "timeout_s": 5.0,
        "instances": 1,
        **parts["ranking_"],
    }
    with (
        Gateway(
            GatewaySettings(**own),
            FeatureSettings(**features),
            RetrievalSettings(**searching),
            RankingSettings(**ranking),
        ) as gateway,
        reaching(gateway.port, gateway.metrics_port) as reached,
    ):
        yield reached


def _pop(settings: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): settings.pop(name) for name in list(settings) if name.startswith(prefix)}


def failure_of(future: Any) -> grpc.Call:
    """Wait for a call to fail."""
    error = future.exception(timeout=TIMEOUT_S)
    assert isinstance(error, grpc.Call), "the call was answered"
    return error


def item_ids(answer: Any) -> list[str]:
    """Name an answer's items in their order."""
    return [item.item_id for item in answer.items]


def degraded_steps(answer: Any) -> list[str]:
    """Name an answer's steps of degradation."""
    return [recommender_pb2.Degraded.Name(step).removeprefix("DEGRADED_") for step in answer.degraded]


def steps_but_catalogue(answer: Any) -> list[str]:
    """Name the same without STALE_CATALOGUE: a second and a half after Redis has gone that is one of them."""
    return [step for step in degraded_steps(answer) if step != "STALE_CATALOGUE"]
