"""The item index behind RetrievalService: one RPC a search, vectors and lists as raw bytes."""

import grpc
import numpy as np

from shortlist.core.arrays import F32
from shortlist.core.errors import UnavailableError
from shortlist.core.types import FIRST_ITEM_ROW, PADDING_ROW, SourceList
from shortlist.resilience.breaker import Breaker
from shortlist.retrieval.filters import bitmap_of
from shortlist.retrieval.gpu import MAX_K
from shortlist.retrieval.kept import Kept
from shortlist.v1 import retrieval_pb2

SERVICE = "shortlist.v1.RetrievalService"
RETRIEVE = f"/{SERVICE}/Retrieve"
DEPENDENCY = "index"


class RemoteIndex:
    """Searches by a retrieval service that holds the same release; at most 256 queries at a time.

    Args:
        channel: To the service; closed with the index. Retrieve may be sent again.
        release: Id of the release.
        items: How many items it has.
        dimension: Length of its vectors.
        timeout_s: The longest wait for a search.
        breaker: Keeps a service that hangs from costing every search the timeout.
    """

    device = "remote"

    def __init__(
        self, channel: grpc.Channel, release: str, items: int, dimension: int, timeout_s: float, breaker: Breaker
    ) -> None:
        self.dimension = dimension
        self._channel, self._release, self._items = channel, release, items
        self._timeout_s, self._breaker = timeout_s, breaker
        self._retrieve = channel.unary_unary(
            RETRIEVE,
            request_serializer=retrieval_pb2.RetrieveRequest.SerializeToString,
            response_deserializer=retrieval_pb2.RetrieveResponse.FromString,
        )

    def __len__(self) -> int:
        return self._items

    def search(self, queries: F32, k: int, kept: Kept | None = None) -> SourceList:
        """Search; see the port. Without a filter more than 2,048 items a query cannot be had.

        What few items a filter keeps are searched here: that takes less than the way there.
        """
        if kept is not None and (kept.is_gatherable or k > MAX_K):
            return kept.search(queries, k)
        if not self._breaker.allows():
            raise UnavailableError(DEPENDENCY, "failed too often; it is asked again in a moment")
        try:
            found = self._ask(
                queries, min(k, MAX_K), b"" if kept is None else bitmap_of(kept, FIRST_ITEM_ROW + self._items)
            )
        except UnavailableError:
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        return found

    def ping(self) -> None:
        """Search for nothing in particular, whatever the breaker says.

        Raises:
            UnavailableError: the service does not answer, or holds another release.
        """
        self._ask(np.zeros((1, self.dimension), np.float32), 1)

    def close(self) -> None:
        """Close the channel; searches under way end as unavailable."""
        self._channel.close()

    def _ask(self, queries: F32, limit: int, allowed_rows: bytes = b"") -> SourceList:
        request = retrieval_pb2.RetrieveRequest(
            release=self._release,
            query_count=len(queries),
            queries=queries.astype("<f4", copy=False).tobytes(),
            limit=limit,
            allowed_rows=allowed_rows,
        )
        try:
            response = self._retrieve(request, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise UnavailableError(DEPENDENCY, f"{error.code().name}: {error.details()}") from error
        except ValueError as error:  # what grpc raises on a closed channel
            raise UnavailableError(DEPENDENCY, "closed") from error
        return self._checked(response, (len(queries), limit))

    def _checked(self, response: retrieval_pb2.RetrieveResponse, shape: tuple[int, int]) -> SourceList:
        if response.release != self._release:
            raise UnavailableError(DEPENDENCY, f"release {response.release!r} answered, not {self._release!r}")
        size_bytes = 4 * shape[0] * shape[1]
        if (len(response.rows), len(response.scores)) != (size_bytes, size_bytes):
            raise UnavailableError(
                DEPENDENCY,
                f"{len(response.rows)} bytes of rows and {len(response.scores)} of scores, not {size_bytes} of each",
            )
        # Copies: bytes cannot be written to, and the port lets callers write.
        rows = np.frombuffer(response.rows, "<i4").reshape(shape).astype(np.int32)
        scores = np.frombuffer(response.scores, "<f4").reshape(shape).astype(np.float32)
        is_item = (rows >= FIRST_ITEM_ROW) & (rows < FIRST_ITEM_ROW + self._items)
        if not (is_item | (rows == PADDING_ROW)).all():
            raise UnavailableError(DEPENDENCY, "rows that are no items of the release")
        if not np.isfinite(scores).all():
            raise UnavailableError(DEPENDENCY, "scores that are not finite")
        return SourceList(rows, scores)
