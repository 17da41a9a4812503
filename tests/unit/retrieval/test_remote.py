"""The client of the retrieval service, against services that fail and answer nonsense."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import numpy as np
import pytest

from shortlist.core.errors import UnavailableError
from shortlist.resilience.breaker import FAILURES_TO_OPEN, Breaker, BreakerState
from shortlist.retrieval import kept as kept_rows
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.remote import RETRIEVE, RemoteIndex
from shortlist.rpc.front import Call
from shortlist.rpc.server import open_front
from shortlist.rpc.status import Status
from shortlist.v1 import retrieval_pb2
from support.front_doors import wait_until
from support.retrieval_services import remote_index

ITEMS, DIMENSION, K = 10, 4, 3
QUERIES = np.ones((2, DIMENSION), np.float32)
ROWS = np.array([[11, 2, 0]] * 2, np.int32)
SCORES = np.array([[0.5, 0.25, 0.0]] * 2, np.float32)


def response(rows: object = ROWS, scores: object = SCORES, release: str = "tiny") -> bytes:
    """Answer as the service does, unless told otherwise."""
    return retrieval_pb2.RetrieveResponse(
        rows=np.asarray(rows).tobytes(), scores=np.asarray(scores).tobytes(), release=release
    ).SerializeToString()


class Played:
    """A service that does with each call what it is told."""

    def __init__(self) -> None:
        self.play: Callable[[Call], object] = lambda call: call.respond(response())
        self.calls = 0
        self.address = ""

    def __call__(self, calls: list[Call]) -> None:
        """Take calls."""
        for call in calls:
            self.calls += 1
            self.play(call)


@pytest.fixture
def service() -> Iterator[Played]:
    """Run a service."""
    played = Played()
    front = open_front("grpcio", "127.0.0.1:0", (RETRIEVE,))
    front.start(played)
    played.address = f"127.0.0.1:{front.port}"
    yield played
    front.stop(0)


@contextmanager
def asking(service: Played, breaker: Breaker | None = None, timeout_s: float = 10.0) -> Iterator[RemoteIndex]:
    index = remote_index(service.address, ITEMS, DIMENSION, timeout_s=timeout_s, breaker=breaker)
    try:
        yield index
    finally:
        index.close()


def test_an_answer_is_what_the_service_said(service: Played) -> None:
    with asking(service) as index:
        found = index.search(QUERIES, K)

    assert (found.rows == ROWS).all()
    assert (found.scores == SCORES).all()


def test_it_asks_for_its_release_with_raw_vectors(service: Played) -> None:
    asked: list[retrieval_pb2.RetrieveRequest] = []

    def play(call: Call) -> None:
        asked.append(retrieval_pb2.RetrieveRequest.FromString(call.payload))
        call.respond(response())

    service.play = play
    with asking(service) as index:
        index.search(QUERIES, K)

    (request,) = asked
    assert (request.release, request.query_count, request.limit) == ("tiny", 2, K)
    assert request.queries == QUERIES.tobytes()


def test_it_tells_what_it_is(service: Played) -> None:
    with asking(service) as index:
        assert (index.device, index.dimension, len(index)) == ("remote", DIMENSION, ITEMS)


@pytest.mark.parametrize(
    ("nonsense", "reason"),
    [
        (response(release="other"), "release 'other' answered, not 'tiny'"),
        (response(rows=ROWS[:1]), "12 bytes of rows and 24 of scores, not 24 of each"),
        (response(scores=SCORES[:, :2]), "24 bytes of rows and 16 of scores, not 24 of each"),
        (response(rows=ROWS.astype(np.int64)), "48 bytes of rows"),
        (response(rows=ROWS + 1), "rows that are no items of the release"),
        (response(rows=ROWS - 1), "rows that are no items of the release"),
        (response(rows=np.where(ROWS == 2, 1, ROWS)), "rows that are no items of the release"),
        (response(scores=np.where(SCORES == 0.5, np.float32(np.nan), SCORES)), "scores that are not finite"),
        (response(scores=np.where(SCORES == 0.5, np.float32(np.inf), SCORES)), "scores that are not finite"),
        (b"", "release '' answered"),
        (b"\xff\xff", "INTERNAL"),
    ],
    ids=[
        "another release",
        "a list too few",
        "a score too few a list",
        "rows of another type",
        "a row beyond the last",
        "a row before the first",
        "the unknown row",
        "a score that is no number",
        "an infinite score",
        "nothing",
        "no message",
    ],
)
def test_an_answer_that_is_none_is_unavailable_and_a_failure(service: Played, nonsense: bytes, reason: str) -> None:
    service.play = lambda call: call.respond(nonsense)
    breaker = Breaker(failures_to_open=1)
    with asking(service, breaker) as index, pytest.raises(UnavailableError, match=reason) as failure:
        index.search(QUERIES, K)

    assert failure.value.dependency == "index"
    assert breaker.state is BreakerState.OPEN


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
    ],
)
def test_a_refusal_is_unavailable_with_its_reason(service: Played, code: grpc.StatusCode) -> None:
    service.play = lambda call: call.fail(Status(code, "the reason"))
    with asking(service) as index, pytest.raises(UnavailableError, match=f"index: {code.name}: the reason"):
        index.search(QUERIES, K)

    assert service.calls == 1


def test_a_service_that_is_unavailable_once_is_asked_again(service: Played) -> None:
    def play(call: Call) -> None:
        if service.calls == 1:
            call.fail(Status(grpc.StatusCode.UNAVAILABLE, "restarting"))
        else:
            call.respond(response())

    service.play = play
    with asking(service) as index:
        assert (index.search(QUERIES, K).rows == ROWS).all()

    assert service.calls == 2


def test_a_service_that_hangs_costs_a_few_timeouts_and_is_asked_again_once_it_may_be_back(service: Played) -> None:
    now = 0.0
    breaker = Breaker(clock=lambda: now)
    service.play = lambda _: None
    with asking(service, breaker, timeout_s=0.02) as index:
        for _ in range(FAILURES_TO_OPEN):
            with pytest.raises(UnavailableError, match="DEADLINE_EXCEEDED"):
                index.search(QUERIES, K)
        wait_until(lambda: service.calls == FAILURES_TO_OPEN)
        for _ in range(100):
            with pytest.raises(UnavailableError, match="failed too often"):
                index.search(QUERIES, K)
        assert service.calls == FAILURES_TO_OPEN

    now = 60.0
    service.play = lambda call: call.respond(response())
    with asking(service, breaker) as index:
        assert (index.search(QUERIES, K).rows == ROWS).all()
    assert breaker.state is BreakerState.CLOSED


def test_a_ping_asks_whatever_the_breaker_says_and_tells_it_nothing(service: Played) -> None:
    breaker = Breaker(failures_to_open=1)
    breaker.failed()
    service.play = lambda call: call.respond(response(ROWS[:1, 1:2], SCORES[:1, :1]))
    with asking(service, breaker) as index:
        index.ping()
        service.play = lambda call: call.fail(Status(grpc.StatusCode.FAILED_PRECONDITION, "another release"))
        with pytest.raises(UnavailableError, match="another release"):
            index.ping()

    assert breaker.state is BreakerState.OPEN


def test_where_nobody_listens_it_is_unavailable() -> None:
    index = remote_index("127.0.0.1:9", ITEMS, DIMENSION)
    with pytest.raises(UnavailableError, match="index: UNAVAILABLE"):
        index.search(QUERIES, K)
    index.close()


def test_a_search_under_way_ends_with_the_index(service: Played) -> None:
    arrived = threading.Event()
    service.play = lambda _: arrived.set()
    with asking(service) as index, ThreadPoolExecutor(1) as caller:
        searching = caller.submit(index.search, QUERIES, K)
        assert arrived.wait(10)
        index.close()
        with pytest.raises(UnavailableError, match="CANCELLED"):
            searching.result(10)


@pytest.mark.parametrize("gathered_bytes", [0, kept_rows.GATHERED_BYTES])
def test_only_a_filter_too_large_to_gather_is_sent_as_a_bitmap(
    service: Played, monkeypatch: pytest.MonkeyPatch, gathered_bytes: int
) -> None:
    monkeypatch.setattr(kept_rows, "GATHERED_BYTES", gathered_bytes)
    asked: list[bytes] = []

    def play(call: Call) -> None:
        asked.append(retrieval_pb2.RetrieveRequest.FromString(call.payload).allowed_rows)
        call.respond(response())

    service.play = play
    mask = np.isin(np.arange(12), [2, 10, 11])
    with asking(service) as index:
        found = index.search(QUERIES, K, Kept(mask, np.zeros((12, DIMENSION), np.float16)))

    assert asked == ([] if gathered_bytes else [b"\x04\x0c"])
    assert set(found.rows[0].tolist()) == (set(ROWS[0].tolist()) if asked else {2, 10, 11})
