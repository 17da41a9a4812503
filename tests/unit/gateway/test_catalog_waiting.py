import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry

from shortlist.core.errors import UnavailableError
from shortlist.features.catalog import GONE, Position, Standing
from shortlist.gateway.catalog_jobs import CatalogDesk, CatalogJob
from shortlist.gateway.catalog_waiting import Deletions
from shortlist.gateway.observer import CallObserver
from shortlist.gateway.reply import Reply
from shortlist.gateway.servicer import DELETE_ITEMS
from shortlist.resilience.deadline import Deadline
from shortlist.telemetry.catalogue import CatalogueMetrics
from shortlist.telemetry.gateway import GatewayMetrics
from shortlist.telemetry.tracing import NO_TRACING
from shortlist.v1 import catalog_pb2
from support.played_calls import PlayedCall
from support.running_cluster import wait_until

AT = Position(b"one", 7)


class PlayedStanding:
    """Tells what it is told to tell."""

    def __init__(self, *applied: int, epoch: bytes = b"one", is_young: bool = False) -> None:
        self.answer: Standing | UnavailableError = Standing(epoch, is_young, applied)

    def standing(self) -> Standing:
        if isinstance(self.answer, UnavailableError):
            raise self.answer
        return self.answer


@contextmanager
def waiting(store: Any, timeout_s: float = 60.0) -> Iterator[PlayedCall]:
    """Let a deletion wait."""
    registry = CollectorRegistry()
    metrics = CatalogueMetrics(registry)
    codes = [code.name for code in grpc.StatusCode]
    observer = CallObserver(GatewayMetrics(CollectorRegistry(), [DELETE_ITEMS], codes, ()), NO_TRACING, "tiny", 0.0)
    call = PlayedCall(DELETE_ITEMS, b"")
    job = CatalogJob("delete", {"a": GONE}, Reply(call, time.monotonic(), observer), Deadline.after(timeout_s))
    deletions = Deletions(store, CatalogDesk(metrics, lambda: None), metrics)
    deletions.start()
    try:
        deletions.add(job, AT, time.monotonic())
        yield call
    finally:
        deletions.stop()


def is_settled(call: PlayedCall) -> Callable[[], bool]:
    return lambda: bool(call.answers)


def test_it_is_answered_when_every_server_has_applied_it() -> None:
    store = PlayedStanding(7, 6)
    with waiting(store) as call:
        store.answer = Standing(b"one", is_young=False, applied=(7, 9))
        wait_until(is_settled(call), "the answer")
    assert catalog_pb2.DeleteItemsResponse.FromString(call.answer).sequence == 7


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        (PlayedStanding(7, 6), "catalogue: applied on 1 of 2 servers; it is stored, and will be on all"),
        (PlayedStanding(7, is_young=True), "catalogue: applied on 1 of 1 servers; it is stored, and will be on all"),
        (PlayedStanding(9, epoch=b"two"), "catalogue: it was lost meanwhile"),
    ],
)
def test_at_the_deadline_it_says_how_many_have(store: PlayedStanding, reason: str) -> None:
    with waiting(store, 0.0) as call:
        wait_until(is_settled(call), "the refusal")
    assert (call.status.code, call.status.message) == (grpc.StatusCode.UNAVAILABLE, reason)


def test_a_store_that_does_not_answer_fails_it() -> None:
    store = PlayedStanding()
    store.answer = UnavailableError("redis", "down")
    with waiting(store) as call:
        wait_until(is_settled(call), "the failure")
    assert call.status.message == "redis: down"


def test_who_stops_tells_what_waits_that_it_is_stored() -> None:
    with waiting(PlayedStanding(6)) as call:
        pass
    assert call.status.message == "gateway: shutting down; the deletion is stored"
