"""Deadlines, cancellation and admission over the wire: one batch worker, kept busy by its ranker."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc
import pytest

from shortlist.release.bundle import Release
from shortlist.rpc.server import FrontKind
from shortlist.v1 import recommender_pb2
from support.front_doors import FRONT_KINDS
from support.gateways import TIMEOUT_S, Reached, failure_of, serving
from support.misbehaving import FakeTriton
from support.real_servers import Valkey
from support.running_cluster import wait_until

REQUEST = recommender_pb2.RecommendRequest(user_id="user-00")
LOW = recommender_pb2.RecommendRequest(user_id="user-00", priority=recommender_pb2.PRIORITY_LOW)
RECOMMEND = "/shortlist.v1.RecommenderService/Recommend"
PLACES = 512
"""The fewest that the settings allow: two whole RecommendBatch calls."""
MAX_BATCH = 64


def batch_of(count: int, request: recommender_pb2.RecommendRequest = REQUEST) -> recommender_pb2.RecommendBatchRequest:
    """Repeat a request: each takes a place in the queue."""
    return recommender_pb2.RecommendBatchRequest(requests=[request] * count)


class Busy:
    """A gateway whose only worker waits for the ranker with one call; calls after it wait in the queue."""

    def __init__(self, reached: Reached, triton: FakeTriton) -> None:
        self.reached, self._triton = reached, triton
        self._ranked_before = len(triton.batches)
        triton.hold()
        self.first = reached.call.future(REQUEST, timeout=TIMEOUT_S)
        wait_until(lambda: self.batches_ranked == 1, "the first call reaches the ranker")

    @property
    def batches_ranked(self) -> int:
        """How many batches have come to the ranker, the first call's included."""
        return len(self._triton.batches) - self._ranked_before

    def wait_for_waiting(self, requests: int) -> None:
        """Wait until so many requests wait."""
        wait_until(
            lambda: self.reached.count("shortlist_gateway_waiting_requests") == requests, f"{requests} requests wait"
        )

    def fill(self, places: int) -> list[Any]:
        """Let requests of normal priority take so many places, 256 a call; the calls."""
        sizes = [256] * (places // 256) + [places % 256] * (places % 256 > 0)
        calls = [self.reached.call_batch.future(batch_of(size), timeout=TIMEOUT_S) for size in sizes]
        self.wait_for_waiting(places)
        return calls

    def go_on(self) -> None:
        """Let the ranker answer, and with it the first call."""
        self._triton.let_go()
        assert self.first.result(TIMEOUT_S).ranker == "triton"


@pytest.fixture(params=FRONT_KINDS)
def busy(request: Any, tiny_release: Release, valkey: Valkey) -> Iterator[Busy]:
    """Keep a gateway of one worker busy, behind each front door in turn."""
    kind: FrontKind = request.param
    with (
        FakeTriton() as triton,
        serving(
            tiny_release,
            valkey.url,
            triton.address,
            front=kind,
            batch_workers=1,
            max_batch=MAX_BATCH,
            max_waiting=PLACES,
            deadline_s=0.2,
            ranking_timeout_s=10.0,
        ) as reached,
    ):
        yield Busy(reached, triton)


def test_a_call_whose_deadline_passes_while_it_waits_costs_no_work(busy: Busy) -> None:
    late = busy.reached.call.future(REQUEST, timeout=0.2)
    busy.wait_for_waiting(1)

    assert failure_of(late).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    busy.go_on()

    wait_until(lambda: busy.reached.count("shortlist_gateway_dropped_total", reason="deadline") == 1, "it is dropped")
    assert busy.reached.count("shortlist_gateway_dropped_total") == 1
    assert busy.batches_ranked == 1
    assert busy.reached.count("shortlist_gateway_requests_total", method=RECOMMEND, code="DEADLINE_EXCEEDED") == 1


def test_a_call_without_a_deadline_gets_the_server_s(busy: Busy) -> None:
    patient = busy.reached.call.future(REQUEST)
    busy.wait_for_waiting(1)
    other = busy.reached.call.future(REQUEST, timeout=0.3)
    assert failure_of(other).code() is grpc.StatusCode.DEADLINE_EXCEEDED  # by now the server's 0.2 s are over too

    busy.go_on()

    error = failure_of(patient)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert error.details() == "the deadline passed while the request waited"
    assert busy.batches_ranked == 1


def test_a_cancelled_call_costs_no_work(busy: Busy) -> None:
    abandoned = busy.reached.call.future(REQUEST, timeout=TIMEOUT_S)
    busy.wait_for_waiting(1)

    abandoned.cancel()
    # An answered call after it on the same connection proves that the cancellation has arrived.
    busy.reached.call.future(REQUEST, timeout=0.1).exception(TIMEOUT_S)
    busy.go_on()

    wait_until(lambda: busy.reached.count("shortlist_gateway_dropped_total", reason="cancelled") == 1, "it is dropped")
    assert busy.batches_ranked == 1
    assert busy.reached.count("shortlist_gateway_requests_total", method=RECOMMEND, code="CANCELLED") == 1


def test_a_call_that_finds_no_place_is_refused_at_once_and_told_when_to_come_back(busy: Busy) -> None:
    waiting = busy.fill(PLACES)

    error = failure_of(busy.reached.call.future(REQUEST, timeout=TIMEOUT_S))

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.details() == f"{PLACES} requests wait already; try again later"
    assert int(dict(error.trailing_metadata())["retry-after-ms"]) >= 1
    assert busy.reached.count("shortlist_gateway_refused_total") == 1
    assert not any(call.done() for call in waiting)
    busy.go_on()
    for call in waiting:
        assert {result.response.ranker for result in call.result(TIMEOUT_S).results} == {"triton"}


def test_low_priority_is_refused_while_half_of_the_places_are_taken_and_normal_is_not(busy: Busy) -> None:
    busy.fill(PLACES // 2)

    refused = failure_of(busy.reached.call.future(LOW, timeout=TIMEOUT_S))
    taken = busy.reached.call.future(REQUEST, timeout=TIMEOUT_S)
    busy.wait_for_waiting(PLACES // 2 + 1)

    assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    busy.go_on()
    assert taken.result(TIMEOUT_S).items


def test_low_priority_that_waits_is_served_after_normal_that_came_later(busy: Busy) -> None:
    answered: list[str] = []

    def note(name: str, _call: object) -> None:
        answered.append(name)

    for name, request in (("low", LOW), ("normal", REQUEST)):
        call = busy.reached.call_batch.future(batch_of(MAX_BATCH, request), timeout=TIMEOUT_S)
        call.add_done_callback(partial(note, name))
        busy.wait_for_waiting(MAX_BATCH * (1 + (name == "normal")))

    busy.go_on()

    wait_until(lambda: len(answered) == 2, "both are answered")
    assert answered == ["normal", "low"]


def test_a_batch_that_finds_too_few_places_is_refused_as_a_whole(busy: Busy) -> None:
    busy.fill(PLACES - 2)

    error = failure_of(busy.reached.call_batch.future(batch_of(3), timeout=TIMEOUT_S))

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "retry-after-ms" in dict(error.trailing_metadata())
    assert busy.reached.count("shortlist_gateway_refused_total") == 3
    busy.go_on()
