"""Slates to protobuf responses, encoded: what repeats is written as bytes, the rest by protobuf."""

from collections.abc import Iterable
from typing import TypeVar, cast

from shortlist.gateway.jobs import Stages
from shortlist.gateway.live import LIVE_SOURCES
from shortlist.gateway.slate import Slate
from shortlist.gateway.wire import length_delimited, stages_field, varint
from shortlist.release.bundle import Release
from shortlist.retrieval.delta import NEW_ARRIVALS
from shortlist.rpc.status import Status
from shortlist.v1 import recommender_pb2

_RESULTS = length_delimited(recommender_pb2.RecommendBatchResponse.DESCRIPTOR, "results")
_RESPONSE = length_delimited(recommender_pb2.RecommendBatchResult.DESCRIPTOR, "response")
_OK = recommender_pb2.RecommendBatchResult(status=recommender_pb2.Status()).SerializeToString()

Answer = TypeVar(
    "Answer", recommender_pb2.RecommendResponse, recommender_pb2.RankResponse, recommender_pb2.SimilarItemsResponse
)


def recommend_response(slate: Slate, stages: Stages, release: Release, request_id: str) -> bytes:
    """Encode the answer to Recommend."""
    head = recommender_pb2.RecommendResponse(
        cold_start=slate.is_cold_start, ranker=slate.ranker, session_token=slate.session_token
    )
    if slate.user is not None:
        head.user.CopyFrom(_user(slate, release))
    return _answer(head, slate, stages, release, request_id)


def rank_response(slate: Slate, stages: Stages, release: Release, request_id: str) -> bytes:
    """Encode the answer to Rank."""
    head = recommender_pb2.RankResponse(
        cold_start=slate.is_cold_start, ranker=slate.ranker, unknown_item_ids=slate.unknown_ids
    )
    if slate.user is not None:
        head.user.CopyFrom(_user(slate, release))
    return _answer(head, slate, stages, release, request_id)


def similar_response(slate: Slate, stages: Stages, release: Release, request_id: str) -> bytes:
    """Encode the answer to SimilarItems."""
    return _answer(recommender_pb2.SimilarItemsResponse(), slate, stages, release, request_id)


def _answer(head: Answer, slate: Slate, stages: Stages, release: Release, request_id: str) -> bytes:
    """Encode what every answer with items has; `head` has the rest."""
    head.release, head.request_id = release.id, request_id
    if slate.degraded:
        # The numbers of core's enum are those of the protobuf enum; a test compares them.
        head.degraded.extend(cast("list[recommender_pb2.Degraded.ValueType]", list(slate.degraded)))
    # Messages one after the other are their fields in one message.
    written = slate.items + stages_field(head.DESCRIPTOR, stages) + head.SerializeToString()
    if slate.explanations is None:
        return written
    response = type(head).FromString(written)
    for place, item in enumerate(response.items):
        item.explanation.CopyFrom(_explanation(slate, place, release))
    return response.SerializeToString()


def batch_response(results: Iterable[bytes]) -> bytes:
    """Encode the answer to RecommendBatch from what `result` and `failed_result` made, in order."""
    return b"".join(part for encoded in results for part in (_RESULTS, varint(len(encoded)), encoded))


def result(response: bytes) -> bytes:
    """Encode the result of a request that has an encoded answer."""
    return _OK + _RESPONSE + varint(len(response)) + response


def failed_result(status: Status) -> bytes:
    """Encode the result of a request that failed."""
    failure = recommender_pb2.Status(code=status.number, message=status.message)
    return recommender_pb2.RecommendBatchResult(status=failure).SerializeToString()


def _explanation(slate: Slate, place: int, release: Release) -> recommender_pb2.Explanation:
    assert slate.explanations is not None  # noqa: S101  # the caller looked
    explanation = slate.explanations[place]
    schema = release.manifest.features
    sources = [
        recommender_pb2.SourceRank(source=name, rank=rank, score=score)
        for name, rank, score in zip(  # SimilarItems has no live ones
            (*schema.sources, *LIVE_SOURCES, NEW_ARRIVALS),
            slate.source_ranks[place].tolist(),
            slate.source_scores[place].tolist(),
            strict=False,
        )
        if rank
    ]
    return recommender_pb2.Explanation(
        sources=sorted(sources, key=lambda source: source.rank),
        features=[
            recommender_pb2.FeatureValue(name=name, value=value)
            for name, value in zip(schema.candidate_dense, explanation.features.tolist(), strict=False)  # all, or none
        ],
        neighbours=[
            recommender_pb2.HistoryNeighbour(item_id=release.vocabulary.id_of(row), similarity=cosine)
            for row, cosine in explanation.neighbours
        ],
        rules=explanation.rules,
    )


def _user(slate: Slate, release: Release) -> recommender_pb2.UserExplanation:
    assert slate.user is not None  # noqa: S101  # the caller looked
    return recommender_pb2.UserExplanation(
        recent_item_ids=[release.vocabulary.id_of(row) for row in slate.user.recent_rows],
        event_count=slate.user.event_count,
        row_version=slate.user.row_version,
    )
