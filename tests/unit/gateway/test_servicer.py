from collections.abc import Sequence
from typing import Generic, TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry

from shortlist.core.errors import OverloadedError
from shortlist.core.types import Query
from shortlist.features.catalog import GONE
from shortlist.gateway import requests
from shortlist.gateway.catalog_jobs import CatalogJob, ItemsQuery
from shortlist.gateway.catalog_readers import Readers
from shortlist.gateway.event_requests import MAX_EVENTS
from shortlist.gateway.events import EventJob
from shortlist.gateway.jobs import Job
from shortlist.gateway.observer import CallObserver
from shortlist.gateway.requests import MAX_BATCH_REQUESTS
from shortlist.gateway.runner import BatchRunner, reject
from shortlist.gateway.servicer import (
    DELETE_ITEMS,
    GET_ITEMS,
    METHODS,
    RANK,
    RECOMMEND,
    RECOMMEND_BATCH,
    RECORD_EVENTS,
    SIMILAR_ITEMS,
    UPSERT_ITEMS,
    Servicer,
)
from shortlist.gateway.similar import SimilarItems
from shortlist.gateway.wire import ItemWriter
from shortlist.release.bundle import Release
from shortlist.resilience.deadline import Deadline
from shortlist.retrieval.filters import Filters
from shortlist.telemetry.answers import AnswerMetrics
from shortlist.telemetry.gateway import GatewayMetrics
from shortlist.telemetry.tracing import NO_TRACING
from shortlist.v1 import catalog_pb2, events_pb2, recommender_pb2
from support.pipelines import kitchen, open_index
from support.played_calls import PlayedCall
from support.tiny_release import ITEMS, SOURCES, item_id, user_row

DEFAULT_DEADLINE_S = 5.0
CODES = [code.name for code in grpc.StatusCode]


AnyJob = TypeVar("AnyJob")


class Queue(Generic[AnyJob]):
    """A batcher that keeps jobs until the test runs them, or refuses them."""

    def __init__(self) -> None:
        self.jobs: list[AnyJob] = []
        self.is_full = False

    def submit(self, jobs: Sequence[AnyJob]) -> None:
        """Take the jobs."""
        if self.is_full and jobs:
            raise OverloadedError("full", 0.25)
        self.jobs += jobs


class Desk:
    """A servicer over the tiny release, its queue and its metrics."""

    def __init__(self, release: Release) -> None:
        place = kitchen(release, {"ann": user_row([3, 9, 15])})
        self.registry = CollectorRegistry()
        metrics = GatewayMetrics(self.registry, METHODS, CODES, SOURCES)
        filters = Filters(release.catalogue, release.items.embeddings)
        similar = SimilarItems(release, open_index(release), filters, metrics)
        self.queue: Queue[Job] = Queue()
        self.events: Queue[EventJob] = Queue()
        self.catalog: Queue[CatalogJob] = Queue()
        self.readers = Readers()
        answers = AnswerMetrics(self.registry, SOURCES, release.vocabulary.row_count, ITEMS)
        writer = ItemWriter(release.vocabulary, SOURCES)
        self._runner = BatchRunner(place.pipeline, similar, metrics, answers, NO_TRACING, writer, self.readers)
        self._servicer = Servicer(
            release,
            self.queue,
            self.events,
            self.catalog,
            self.readers,
            metrics,
            CallObserver(metrics, NO_TRACING, release.id, 0.0),
            DEFAULT_DEADLINE_S,
        )

    def take(self, method: str, message: Message | bytes, deadline: Deadline | None = None) -> PlayedCall:
        """Hand a call over."""
        call = PlayedCall(method, message, deadline)
        self._servicer([call])
        return call

    def hand_over(self, *calls: PlayedCall) -> None:
        """Hand calls over that arrived together."""
        self._servicer(calls)

    def answered(self, method: str, message: Message) -> PlayedCall:
        """Hand a call over and run it."""
        call = self.take(method, message)
        self.run()
        return call

    def run(self) -> None:
        """Run what waits as one batch."""
        jobs, self.queue.jobs = self.queue.jobs, []
        self._runner.run(jobs)

    def ignored(self, where: str) -> float | None:
        """Count ignored item ids."""
        return self.registry.get_sample_value("shortlist_gateway_ignored_items_total", {"where": where})


@pytest.fixture
def desk(tiny_release: Release) -> Desk:
    """Serve the tiny release."""
    return Desk(tiny_release)


RecommendRequest = recommender_pb2.RecommendRequest
ANN = RecommendRequest(user_id="ann", limit=5)


def test_recommend_answers_with_a_slate(desk: Desk) -> None:
    response = recommender_pb2.RecommendResponse.FromString(desk.answered(RECOMMEND, ANN).answer)
    assert len(response.items) == 5
    assert (response.release, response.ranker, response.cold_start) == ("tiny", "onnxruntime", False)
    assert response.stages[0].stage == "queue"


def test_similar_items_answers_with_items(desk: Desk) -> None:
    call = desk.answered(SIMILAR_ITEMS, recommender_pb2.SimilarItemsRequest(item_id=item_id(3), limit=4))
    response = recommender_pb2.SimilarItemsResponse.FromString(call.answer)
    assert len(response.items) == 4
    assert [timing.stage for timing in response.stages] == ["queue", "similar"]


def test_similar_items_of_an_unknown_item_are_not_found(desk: Desk) -> None:
    call = desk.answered(SIMILAR_ITEMS, recommender_pb2.SimilarItemsRequest(item_id="gone"))
    assert call.status.code is grpc.StatusCode.NOT_FOUND
    assert "gone" in call.status.message


def test_rank_answers_with_all_known_candidates_and_names_the_others(desk: Desk) -> None:
    request = recommender_pb2.RankRequest(user_id="ann", item_ids=[item_id(1), "gone", item_id(2)])
    response = recommender_pb2.RankResponse.FromString(desk.answered(RANK, request).answer)
    assert {item.item_id for item in response.items} == {item_id(1), item_id(2)}
    assert list(response.unknown_item_ids) == ["gone"]


def test_calls_of_the_catalogue_are_checked_and_handed_to_those_who_run_them(desk: Desk) -> None:
    item = catalog_pb2.Item(item_id="new")
    desk.take(GET_ITEMS, catalog_pb2.GetItemsRequest(item_ids=[item_id(1), "gone"]))
    desk.take(UPSERT_ITEMS, catalog_pb2.UpsertItemsRequest(items=[item]))
    desk.take(DELETE_ITEMS, catalog_pb2.DeleteItemsRequest(item_ids=["old"]))
    assert [(job.kind, job.asked) for job in desk.catalog.jobs] == [
        ("read", ItemsQuery((item_id(1), "gone"))),
        ("upsert", catalog_pb2.UpsertItemsRequest(items=[item])),
        ("delete", {"old": GONE}),
    ]
    assert desk.queue.jobs == []


def test_a_batch_is_read_until_its_last_answer_is_out(desk: Desk) -> None:
    desk.take(RECOMMEND_BATCH, recommender_pb2.RecommendBatchRequest(requests=[ANN, RecommendRequest()]))
    desk.readers.version = 1
    assert desk.readers.oldest == 0
    desk.run()
    assert desk.readers.oldest == 1


def test_a_batch_that_is_refused_is_not_read(desk: Desk) -> None:
    desk.queue.is_full = True
    desk.take(RECOMMEND_BATCH, recommender_pb2.RecommendBatchRequest(requests=[ANN]))
    desk.readers.version = 1
    assert desk.readers.oldest == 1


def test_a_batch_that_breaks_the_servicer_is_not_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deletion would wait for its answer, and every one after it."""

    def broken(_: RecommendRequest) -> Query:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(requests, "recommend_query", broken)
    with pytest.raises(RuntimeError):
        desk.take(RECOMMEND_BATCH, recommender_pb2.RecommendBatchRequest(requests=[ANN]))
    desk.readers.version = 1
    assert desk.readers.oldest == 1


@pytest.mark.parametrize("method", METHODS)
def test_garbage_is_an_invalid_argument(desk: Desk, method: str) -> None:
    assert desk.take(method, b"\xff\xff\xff").status.code is grpc.StatusCode.INVALID_ARGUMENT
    assert desk.queue.jobs == []


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_message_is_an_invalid_argument_that_names_a_field(desk: Desk, method: str) -> None:
    status = desk.take(method, b"").status
    assert status.code is grpc.StatusCode.INVALID_ARGUMENT
    assert status.message.split(":")[0] in {"user_id", "item_id", "item_ids", "items", "requests", "events"}


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (RECOMMEND, RecommendRequest(user_id="ann", release="other")),
        (RANK, recommender_pb2.RankRequest(user_id="ann", item_ids=["a"], release="other")),
        (SIMILAR_ITEMS, recommender_pb2.SimilarItemsRequest(item_id="a", release="other")),
    ],
)
def test_a_release_that_is_not_loaded_is_not_found(desk: Desk, method: str, message: Message) -> None:
    status = desk.take(method, message).status
    assert status.code is grpc.StatusCode.NOT_FOUND
    assert "'other'" in status.message


def test_the_loaded_release_may_be_asked_for(desk: Desk) -> None:
    call = desk.answered(RECOMMEND, RecommendRequest(user_id="ann", release="tiny"))
    assert recommender_pb2.RecommendResponse.FromString(call.answer).release == "tiny"


def test_a_full_queue_is_told_with_the_time_to_come_back(desk: Desk) -> None:
    desk.queue.is_full = True
    status = desk.take(RECOMMEND, ANN).status
    assert status.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert dict(status.trailing)["retry-after-ms"] == "250"


def test_a_call_that_is_refused_does_not_touch_those_beside_it(desk: Desk) -> None:
    calls = [PlayedCall(RECOMMEND, ANN), PlayedCall(RECOMMEND, b"\xff"), PlayedCall(RECOMMEND, ANN)]
    desk.hand_over(*calls)
    assert len(desk.queue.jobs) == 2
    desk.run()
    assert calls[0].answer
    assert calls[1].status
    assert calls[2].answer


def test_a_job_has_the_caller_s_deadline(desk: Desk) -> None:
    deadline = Deadline.after(60.0)
    desk.take(RECOMMEND, ANN, deadline)
    assert desk.queue.jobs[0].deadline == deadline


def test_a_job_without_one_has_the_default_deadline(desk: Desk) -> None:
    desk.take(RECOMMEND, ANN)
    (job,) = desk.queue.jobs
    assert job.deadline == Deadline(job.arrived + DEFAULT_DEADLINE_S)


def test_a_job_whose_caller_is_gone_is_cancelled(desk: Desk) -> None:
    call = desk.take(RECOMMEND, ANN)
    assert not desk.queue.jobs[0].is_cancelled
    call.is_cancelled = True
    assert desk.queue.jobs[0].is_cancelled


def test_low_priority_waits_last(desk: Desk) -> None:
    desk.take(RECOMMEND, RecommendRequest(user_id="ann", priority=recommender_pb2.PRIORITY_LOW))
    desk.take(RECOMMEND, ANN)
    assert [job.is_low_priority for job in desk.queue.jobs] == [True, False]


def test_a_rejected_job_fails_its_call(desk: Desk) -> None:
    call = desk.take(RECOMMEND, ANN)
    reject(desk.queue.jobs[0], OverloadedError("too slow", 0.1))
    assert call.status.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_unknown_items_of_a_request_are_counted_where_they_stood(desk: Desk) -> None:
    request = RecommendRequest(user_id="ann", session_item_ids=["gone", item_id(1), "lost"])
    request.filter.exclude_item_ids.extend(["gone"])
    desk.take(RECOMMEND, request)
    desk.take(RANK, recommender_pb2.RankRequest(user_id="ann", item_ids=["gone", item_id(1)]))
    assert [desk.ignored(where) for where in ("session", "exclude", "rank")] == [2, 1, 1]


def recording(count: int) -> events_pb2.RecordEventsRequest:
    """Make a request with so many events."""
    return events_pb2.RecordEventsRequest(events=[events_pb2.Event(event_id=str(number)) for number in range(count)])


@pytest.mark.parametrize("count", [1, MAX_EVENTS])
def test_events_wait_beside_the_requests_unchecked(desk: Desk, count: int) -> None:
    deadline = Deadline.after(60.0)
    call = desk.take(RECORD_EVENTS, recording(count), deadline)
    (job,) = desk.events.jobs
    assert (len(job.events), job.deadline, job.reply.call) == (count, deadline, call)
    assert desk.queue.jobs == []


@pytest.mark.parametrize("count", [0, MAX_EVENTS + 1])
def test_too_few_or_too_many_events_are_refused_as_one(desk: Desk, count: int) -> None:
    status = desk.take(RECORD_EVENTS, recording(count)).status
    assert status.code is grpc.StatusCode.INVALID_ARGUMENT
    assert status.message.startswith("events: ")


def test_events_without_a_place_are_refused_and_requests_are_not(desk: Desk) -> None:
    desk.events.is_full = True
    assert desk.take(RECORD_EVENTS, recording(1)).status.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    desk.take(RECOMMEND, ANN)
    assert len(desk.queue.jobs) == 1


class TestRecommendBatch:
    """Many requests in one call."""

    def results(self, call: PlayedCall) -> list[recommender_pb2.RecommendBatchResult]:
        """Read the results."""
        return list(recommender_pb2.RecommendBatchResponse.FromString(call.answer).results)

    def batch(self, *requests: recommender_pb2.RecommendRequest) -> recommender_pb2.RecommendBatchRequest:
        """Make a batch."""
        return recommender_pb2.RecommendBatchRequest(requests=requests)

    def test_each_request_has_a_status_and_an_answer_of_its_own(self, desk: Desk) -> None:
        requests = [ANN, RecommendRequest(user_id="ann", limit=201), RecommendRequest(user_id="bo", limit=3)]
        first, refused, last = self.results(desk.answered(RECOMMEND_BATCH, self.batch(*requests)))
        assert (first.status.code, len(first.response.items)) == (0, 5)
        assert (refused.status.code, refused.HasField("response")) == (3, False)
        assert refused.status.message.startswith("limit: ")
        assert (last.status.code, len(last.response.items), last.response.cold_start) == (0, 3, True)

    def test_a_batch_of_invalid_requests_is_answered_at_once(self, desk: Desk) -> None:
        call = desk.take(RECOMMEND_BATCH, self.batch(RecommendRequest(), RecommendRequest()))
        assert [result.status.code for result in self.results(call)] == [3, 3]

    def test_the_ids_of_its_answers_count_the_requests(self, desk: Desk) -> None:
        first, second = self.results(desk.answered(RECOMMEND_BATCH, self.batch(ANN, ANN)))
        ids = [first.response.request_id, second.response.request_id]
        assert [request_id[-4:] for request_id in ids] == ["0000", "0001"]
        assert ids[0][:-4] == ids[1][:-4]

    @pytest.mark.parametrize("count", [0, MAX_BATCH_REQUESTS + 1])
    def test_too_few_or_too_many_requests_are_refused_as_one(self, desk: Desk, count: int) -> None:
        status = desk.take(RECOMMEND_BATCH, self.batch(*[ANN] * count)).status
        assert status.code is grpc.StatusCode.INVALID_ARGUMENT
        assert status.message.startswith("requests: ")

    def test_a_full_queue_refuses_the_call_as_one(self, desk: Desk) -> None:
        desk.queue.is_full = True
        status = desk.take(RECOMMEND_BATCH, self.batch(ANN, RecommendRequest())).status
        assert status.code is grpc.StatusCode.RESOURCE_EXHAUSTED

    def test_its_jobs_share_the_lowest_priority_among_them(self, desk: Desk) -> None:
        low = RecommendRequest(user_id="bo", priority=recommender_pb2.PRIORITY_LOW)
        desk.take(RECOMMEND_BATCH, self.batch(ANN, low))
        assert [job.is_low_priority for job in desk.queue.jobs] == [True, True]

    def test_it_is_answered_once_all_are_settled_in_whatever_order(self, desk: Desk) -> None:
        call = desk.take(RECOMMEND_BATCH, self.batch(ANN, RecommendRequest(user_id="bo", limit=3)))
        first, second = desk.queue.jobs
        desk.queue.jobs = [second]
        desk.run()
        assert call.answers == []
        desk.queue.jobs = [first]
        desk.run()
        assert [len(result.response.items) for result in self.results(call)] == [5, 3]


def test_queries_are_checked_before_they_wait(desk: Desk) -> None:
    desk.take(RECOMMEND, ANN)
    assert desk.queue.jobs[0].query == Query("ann", 5)
