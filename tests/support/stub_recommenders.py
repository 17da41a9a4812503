"""Recommenders that misbehave on purpose, for load tests: one refuses, one stands still for a while."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic
from typing import Any, NoReturn

import grpc

from shortlist.v1.events_pb2 import EVENT_OUTCOME_ACCEPTED, EventResult, RecordEventsRequest, RecordEventsResponse
from shortlist.v1.events_pb2_grpc import EventServiceServicer, add_EventServiceServicer_to_server
from shortlist.v1.recommender_pb2 import RankResponse, RecommendedItem, RecommendResponse, SimilarItemsResponse
from shortlist.v1.recommender_pb2_grpc import RecommenderServiceServicer, add_RecommenderServiceServicer_to_server

_ITEMS = [RecommendedItem(item_id="item-000", rank=1)]


class StubRecommender(RecommenderServiceServicer, EventServiceServicer):
    """Does to every call what it is told, then answers one item, or accepts all events.

    Args:
        first: Called with the call's context; it may abort or wait.
    """

    def __init__(self, first: Callable[[grpc.ServicerContext], None]) -> None:
        self._first = first

    def Recommend(self, _request: Any, context: grpc.ServicerContext) -> RecommendResponse:  # noqa: N802
        """Answer."""
        self._first(context)
        return RecommendResponse(items=_ITEMS)

    def RecommendBatch(self, _request: Any, _context: grpc.ServicerContext) -> NoReturn:  # noqa: N802
        """Answer nobody: load tests do not call it."""
        raise NotImplementedError

    def SimilarItems(self, _request: Any, context: grpc.ServicerContext) -> SimilarItemsResponse:  # noqa: N802
        """Answer."""
        self._first(context)
        return SimilarItemsResponse(items=_ITEMS)

    def Rank(self, _request: Any, context: grpc.ServicerContext) -> RankResponse:  # noqa: N802
        """Answer."""
        self._first(context)
        return RankResponse(items=_ITEMS)

    def RecordEvents(  # noqa: N802
        self, request: RecordEventsRequest, context: grpc.ServicerContext
    ) -> RecordEventsResponse:
        """Answer."""
        self._first(context)
        return RecordEventsResponse(results=[EventResult(outcome=EVENT_OUTCOME_ACCEPTED) for _ in request.events])


def refuse(context: grpc.ServicerContext) -> NoReturn:
    """Refuse a call as an overloaded server does."""
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "always")


class Stall:
    """Lets calls pass, except in a window of time after the first of them: those wait for its end.

    Args:
        begin_s: When the window begins, in seconds after the first call.
        end_s: When it ends.
    """

    def __init__(self, begin_s: float, end_s: float) -> None:
        self._begin_s, self._end_s = begin_s, end_s
        self._lock = threading.Lock()
        self._first_s: float | None = None
        self.calls, self.stalled = 0, 0

    def __call__(self, _context: grpc.ServicerContext) -> None:
        """Let a call pass, at once or late."""
        with self._lock:
            now_s = monotonic()
            self._first_s = self._first_s or now_s
            elapsed_s = now_s - self._first_s
            is_stalled = self._begin_s <= elapsed_s < self._end_s
            self.calls, self.stalled = self.calls + 1, self.stalled + is_stalled
        if is_stalled:
            threading.Event().wait(self._end_s - elapsed_s)


@contextmanager
def stub_serving(first: Callable[[grpc.ServicerContext], None]) -> Iterator[str]:
    """Serve a stub on a free port; its address."""
    server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0)])
    add_RecommenderServiceServicer_to_server(StubRecommender(first), server)
    add_EventServiceServicer_to_server(StubRecommender(first), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()
