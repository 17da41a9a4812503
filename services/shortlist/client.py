"""The client that people import: balanced over gateways, retrying within a budget, every call with a deadline.

with Client("127.0.0.1:50051") as client:
    answer = client.recommend("1", limit=10)
    for item in answer.items:
        print(item.rank, item.item_id, item.score)
"""

import uuid
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

import grpc

from shortlist.rpc.channels import open_channel
from shortlist.v1 import (
    catalog_pb2,
    catalog_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    recommender_pb2,
    recommender_pb2_grpc,
)

DEFAULT_TIMEOUT_S = 1.0
_SERVICE = "/shortlist.v1.RecommenderService/"
# Reading changes nothing, events are told apart by their ids, and items are replaced or gone as often as one likes:
# every one of these may be sent again.
_RETRIED = (
    *(_SERVICE + method for method in ("Recommend", "RecommendBatch", "SimilarItems", "Rank")),
    "/shortlist.v1.EventService/RecordEvents",
    *(f"/shortlist.v1.CatalogService/{method}Items" for method in ("Get", "Upsert", "Delete")),
)


class Client:
    """A connection to one or more gateways; thread-safe.

    Every method raises grpc.RpcError with the status that the proto files document.

    Args:
        address: "host:port", or "dns:///host:port" to balance over every address of the name.
        caller: Names this program in the gateway's logs and metrics.
        timeout_s: Deadline of a call that names none, in seconds.
        credentials: TLS; None for plaintext.
    """

    def __init__(
        self,
        address: str,
        caller: str = "python-client",
        timeout_s: float = DEFAULT_TIMEOUT_S,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._channel = open_channel(address, retried=_RETRIED, credentials=credentials)
        self._recommender = recommender_pb2_grpc.RecommenderServiceStub(self._channel)
        self._events = events_pb2_grpc.EventServiceStub(self._channel)
        self._catalog = catalog_pb2_grpc.CatalogServiceStub(self._channel)
        self._metadata = (("x-caller", caller),)
        self._timeout_s = timeout_s

    def recommend(
        self,
        user_id: str,
        *,
        limit: int = 0,
        session_item_ids: Sequence[str] = (),
        condition: recommender_pb2.Filter | None = None,
        diversity: float = 0.0,
        explain: bool = False,
        min_row_version: int = 0,
        session_token: str = "",
        timeout_s: float | None = None,
    ) -> recommender_pb2.RecommendResponse:
        """Ask for a ranked slate.

        Args:
            user_id: For whom.
            limit: How many items; 0 is the server's default.
            session_item_ids: Items touched in this session, oldest first.
            condition: What may appear.
            diversity: From 0, by score alone, to 1, by novelty.
            explain: Whether to say why.
            min_row_version: Of a recorded event: the answer knows it.
            session_token: Of an earlier answer: this one repeats none of its items, nor of those before it.
            timeout_s: Deadline, in seconds.
        """
        request = recommender_pb2.RecommendRequest(
            user_id=user_id,
            limit=limit,
            session_item_ids=session_item_ids,
            filter=condition,
            diversity=diversity,
            explain=explain,
            min_row_version=min_row_version,
            session_token=session_token,
        )
        return self._recommender.Recommend(request, timeout=timeout_s or self._timeout_s, metadata=self._metadata)

    def pages(
        self,
        user_id: str,
        *,
        limit: int = 0,
        session_item_ids: Sequence[str] = (),
        condition: recommender_pb2.Filter | None = None,
        diversity: float = 0.0,
        explain: bool = False,
        timeout_s: float | None = None,
    ) -> Iterator[recommender_pb2.RecommendResponse]:
        """Ask for one slate after another, none with an item of those before; the last may be empty.

        Each is asked for when it is wanted, and knows what happened meanwhile. Arguments are those of `recommend`,
        the deadline that of one call.
        """
        token, is_first = "", True
        while token or is_first:
            answer = self.recommend(
                user_id,
                limit=limit,
                session_item_ids=session_item_ids,
                condition=condition,
                diversity=diversity,
                explain=explain,
                session_token=token,
                timeout_s=timeout_s,
            )
            yield answer
            token, is_first = answer.session_token, False

    def recommend_batch(
        self, requests: Sequence[recommender_pb2.RecommendRequest], *, timeout_s: float | None = None
    ) -> recommender_pb2.RecommendBatchResponse:
        """Send up to 256 requests in one call; each has a status of its own."""
        batch = recommender_pb2.RecommendBatchRequest(requests=requests)
        return self._recommender.RecommendBatch(batch, timeout=timeout_s or self._timeout_s, metadata=self._metadata)

    def similar_items(
        self,
        item_id: str,
        *,
        limit: int = 0,
        condition: recommender_pb2.Filter | None = None,
        timeout_s: float | None = None,
    ) -> recommender_pb2.SimilarItemsResponse:
        """Ask for the items nearest to one."""
        request = recommender_pb2.SimilarItemsRequest(item_id=item_id, limit=limit, filter=condition)
        return self._recommender.SimilarItems(request, timeout=timeout_s or self._timeout_s, metadata=self._metadata)

    def rank(
        self,
        user_id: str,
        item_ids: Sequence[str],
        *,
        limit: int = 0,
        explain: bool = False,
        min_row_version: int = 0,
        timeout_s: float | None = None,
    ) -> recommender_pb2.RankResponse:
        """Rank candidates of your own."""
        request = recommender_pb2.RankRequest(
            user_id=user_id, item_ids=item_ids, limit=limit, explain=explain, min_row_version=min_row_version
        )
        return self._recommender.Rank(request, timeout=timeout_s or self._timeout_s, metadata=self._metadata)

    def record(
        self,
        user_id: str,
        item_id: str,
        event_type: str,
        *,
        value: float = 0.0,
        event_id: str = "",
        timeout_s: float | None = None,
    ) -> events_pb2.EventResult:
        """Record what a user does now; the result has the row version that the next request may demand.

        Args:
            user_id: Who.
            item_id: With which item.
            event_type: impression, view, click, cart, purchase or hide.
            value: Price paid, rating given, seconds watched.
            event_id: Two events of one id are one; empty: a new one.
            timeout_s: Deadline, in seconds.

        Raises:
            ValueError: there is no such type.
        """
        event = events_pb2.Event(
            event_id=event_id or uuid.uuid4().hex,
            user_id=user_id,
            item_id=item_id,
            type=events_pb2.EventType.Value(f"EVENT_TYPE_{event_type.upper()}"),
            value=value,
        )
        return self.record_batch([event], timeout_s=timeout_s).results[0]

    def record_batch(
        self, events: Sequence[events_pb2.Event], *, timeout_s: float | None = None
    ) -> events_pb2.RecordEventsResponse:
        """Record up to 1,000 events in one call; each has a result of its own."""
        batch = events_pb2.RecordEventsRequest(events=events)
        return self._events.RecordEvents(batch, timeout=timeout_s or self._timeout_s, metadata=self._metadata)

    def get_items(self, item_ids: Sequence[str], *, timeout_s: float | None = None) -> catalog_pb2.GetItemsResponse:
        """Read titles, categories and prices of up to 1,000 items."""
        request = catalog_pb2.GetItemsRequest(item_ids=item_ids)
        return self._catalog.GetItems(request, timeout=timeout_s or self._timeout_s, metadata=self._metadata)

    def upsert_items(
        self, items: Sequence[catalog_pb2.Item], *, timeout_s: float | None = None
    ) -> catalog_pb2.UpsertItemsResponse:
        """Add or replace up to 1,000 items; every server shows them within a tenth of a second."""
        request = catalog_pb2.UpsertItemsRequest(items=items)
        return self._catalog.UpsertItems(request, timeout=timeout_s or self._timeout_s, metadata=self._metadata)

    def delete_items(
        self, item_ids: Sequence[str], *, timeout_s: float | None = None
    ) -> catalog_pb2.DeleteItemsResponse:
        """Take up to 1,000 items off; once this returns no server that is in good standing shows them."""
        request = catalog_pb2.DeleteItemsRequest(item_ids=item_ids)
        return self._catalog.DeleteItems(request, timeout=timeout_s or self._timeout_s, metadata=self._metadata)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
