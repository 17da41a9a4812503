"""Calls in, jobs out; outcomes in, messages out. Knows every method by name, and no logic."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from google.protobuf.message import DecodeError

from shortlist.core.errors import InvalidRequestError, NotFoundError, ShortlistError
from shortlist.core.types import FIRST_ITEM_ROW, Query
from shortlist.gateway import catalog_requests, requests
from shortlist.gateway.catalog_jobs import Asked, CatalogJob, ItemsQuery
from shortlist.gateway.catalog_readers import Readers
from shortlist.gateway.event_requests import MAX_EVENTS
from shortlist.gateway.events import EventJob
from shortlist.gateway.jobs import NOT_RUN, AnyQuery, Job, Outcome, Stages, Timings
from shortlist.gateway.observer import CallObserver
from shortlist.gateway.reply import BatchReply, Reply
from shortlist.gateway.responses import rank_response, recommend_response, similar_response
from shortlist.gateway.slate import Slate
from shortlist.release.bundle import Release
from shortlist.resilience.deadline import Deadline
from shortlist.rpc.front import Call
from shortlist.telemetry.gateway import GatewayMetrics
from shortlist.v1 import catalog_pb2, events_pb2, recommender_pb2

RECOMMENDER = "shortlist.v1.RecommenderService"
EVENTS = "shortlist.v1.EventService"
CATALOG = "shortlist.v1.CatalogService"
RECOMMEND = f"/{RECOMMENDER}/Recommend"
RECOMMEND_BATCH = f"/{RECOMMENDER}/RecommendBatch"
SIMILAR_ITEMS = f"/{RECOMMENDER}/SimilarItems"
RANK = f"/{RECOMMENDER}/Rank"
RECORD_EVENTS = f"/{EVENTS}/RecordEvents"
GET_ITEMS = f"/{CATALOG}/GetItems"
UPSERT_ITEMS = f"/{CATALOG}/UpsertItems"
DELETE_ITEMS = f"/{CATALOG}/DeleteItems"
SERVICES = (RECOMMENDER, EVENTS, CATALOG)
METHODS = (
    RECOMMEND,
    RECOMMEND_BATCH,
    SIMILAR_ITEMS,
    RANK,
    RECORD_EVENTS,
    GET_ITEMS,
    UPSERT_ITEMS,
    DELETE_ITEMS,
)

JobT_contra = TypeVar("JobT_contra", contravariant=True)


class Batcher(Protocol[JobT_contra]):
    """What the servicer needs of a micro-batcher."""

    def submit(self, jobs: Sequence[JobT_contra]) -> None:
        """Queue all of the jobs or raise."""


class Servicer:
    """The sink of the front door.

    Args:
        release: What is served.
        batcher: Takes the jobs.
        recorder: Takes calls with events.
        catalog: Takes calls of the catalogue.
        readers: Of the catalogue's snapshots.
        metrics: Counts unknown items.
        observer: Hears of calls and answers.
        default_deadline_s: For calls that bring none.
    """

    def __init__(
        self,
        release: Release,
        batcher: Batcher[Job],
        recorder: Batcher[EventJob],
        catalog: Batcher[CatalogJob],
        readers: Readers,
        metrics: GatewayMetrics,
        observer: CallObserver,
        default_deadline_s: float,
    ) -> None:
        self._release, self._batcher, self._recorder = release, batcher, recorder
        self._catalog, self._readers = catalog, readers
        self._metrics, self._observer = metrics, observer
        self._default_deadline_s = default_deadline_s
        self._accept: dict[str, Callable[[Reply], None]] = {
            RECOMMEND: self._recommend,
            RECOMMEND_BATCH: self._recommend_batch,
            SIMILAR_ITEMS: self._similar,
            RANK: self._rank,
            RECORD_EVENTS: self._record_events,
            GET_ITEMS: self._get_items,
            UPSERT_ITEMS: self._upsert_items,
            DELETE_ITEMS: self._delete_items,
        }

    def __call__(self, calls: Sequence[Call]) -> None:
        """Take calls that arrived together; each is queued, or fails alone."""
        now = time.monotonic()
        for call in calls:
            reply = Reply(call, now, self._observer)
            try:
                self._accept[call.method](reply)
            except (ShortlistError, DecodeError) as error:
                reply.error(error)

    def _recommend(self, reply: Reply) -> None:
        request = recommender_pb2.RecommendRequest.FromString(reply.call.payload)
        self._submit(reply, self._query(request), recommend_response, request.priority)

    def _query(self, request: recommender_pb2.RecommendRequest) -> Query:
        self._check_release(request.release)
        query = requests.recommend_query(request)
        self._count_unknown("session", query.session_item_ids)
        self._count_unknown("exclude", query.filter.exclude_item_ids)
        return query

    def _recommend_batch(self, reply: Reply) -> None:
        batch = recommender_pb2.RecommendBatchRequest.FromString(reply.call.payload)
        if not 1 <= len(batch.requests) <= requests.MAX_BATCH_REQUESTS:
            raise InvalidRequestError(
                "requests", f"must hold 1 to {requests.MAX_BATCH_REQUESTS} requests, got {len(batch.requests)}"
            )
        asked, refused = [], []
        for place, request in enumerate(batch.requests):
            try:
                asked.append((place, self._query(request)))
            except ShortlistError as error:
                refused.append((place, error))
        # One call is one place in line: its jobs share the lowest priority among them.
        is_low = any(requests.is_low_priority(request.priority) for request in batch.requests)
        # Its results wait for each other: until the last is there, the first is an answer that is not out yet.
        read = self._readers.begin()
        results = BatchReply(reply, self._release, len(batch.requests), partial(self._readers.end, read))
        try:
            self._batcher.submit(
                [self._job(reply, query, partial(results.settle, place), is_low=is_low) for place, query in asked]
            )
        except ShortlistError:
            self._readers.end(read)
            raise
        for place, refusal in refused:
            results.settle(place, refusal, NOT_RUN)

    def _similar(self, reply: Reply) -> None:
        request = recommender_pb2.SimilarItemsRequest.FromString(reply.call.payload)
        self._check_release(request.release)
        query = requests.similar_query(request)
        self._count_unknown("exclude", query.filter.exclude_item_ids)
        self._submit(reply, query, similar_response)

    def _rank(self, reply: Reply) -> None:
        request = recommender_pb2.RankRequest.FromString(reply.call.payload)
        self._check_release(request.release)
        query = requests.rank_query(request)
        self._count_unknown("session", query.session_item_ids)
        self._count_unknown("rank", query.candidate_ids or ())
        self._submit(reply, query, rank_response, request.priority)

    def _record_events(self, reply: Reply) -> None:
        request = events_pb2.RecordEventsRequest.FromString(reply.call.payload)
        if not 1 <= len(request.events) <= MAX_EVENTS:
            raise InvalidRequestError("events", f"must hold 1 to {MAX_EVENTS} events, got {len(request.events)}")
        self._recorder.submit([EventJob(request.events, reply, self._deadline(reply))])

    def _get_items(self, reply: Reply) -> None:
        item_ids = requests.item_ids(catalog_pb2.GetItemsRequest.FromString(reply.call.payload))
        self._catalog_call(reply, "read", ItemsQuery(item_ids))

    def _upsert_items(self, reply: Reply) -> None:
        request = catalog_pb2.UpsertItemsRequest.FromString(reply.call.payload)
        self._catalog_call(reply, "upsert", catalog_requests.counted(request))

    def _delete_items(self, reply: Reply) -> None:
        request = catalog_pb2.DeleteItemsRequest.FromString(reply.call.payload)
        self._catalog_call(reply, "delete", catalog_requests.deleted(request))

    def _catalog_call(self, reply: Reply, kind: str, asked: Asked) -> None:
        self._catalog.submit([CatalogJob(kind, asked, reply, self._deadline(reply))])

    def _submit(
        self,
        reply: Reply,
        query: AnyQuery,
        response: Callable[[Slate, Stages, Release, str], bytes],
        priority: int = recommender_pb2.PRIORITY_NORMAL,
    ) -> None:
        def settle(outcome: Outcome, timings: Timings) -> None:
            if isinstance(outcome, Slate):
                reply.slate(outcome)
                reply.message(response(outcome, timings.stages, self._release, reply.identity.request_id), timings)
            elif isinstance(outcome, ShortlistError):
                reply.error(outcome, timings)

        if isinstance(query, Query):
            reply.identity.user_id = query.user_id
        self._batcher.submit([self._job(reply, query, settle, is_low=requests.is_low_priority(priority))])

    def _job(
        self, reply: Reply, query: AnyQuery, settle: Callable[[Outcome, Timings], None], *, is_low: bool = False
    ) -> Job:
        return Job(query, reply.call, self._deadline(reply), reply.arrived, is_low, settle, reply.identity.span)

    def _deadline(self, reply: Reply) -> Deadline:
        return reply.call.deadline or Deadline.after(self._default_deadline_s, reply.arrived)

    def _check_release(self, wanted: str) -> None:
        if wanted and wanted != self._release.id:
            raise NotFoundError(f"release: {wanted!r} is not loaded; {self._release.id!r} is")

    def _count_unknown(self, where: str, item_ids: Sequence[str]) -> None:
        if item_ids:
            unknown = int((self._release.vocabulary.rows_of_ids(item_ids) < FIRST_ITEM_ROW).sum())
            if unknown:
                self._metrics.ignored_items.labels(where).inc(unknown)
