"""Slates to protobuf responses."""

import math
from collections.abc import Sequence
from typing import TypeVar, cast

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.gateway.jobs import Stages
from shortlist.gateway.slate import Slate
from shortlist.gateway.wire import stages_field
from shortlist.release.bundle import Release
from shortlist.v1 import catalog_pb2, recommender_pb2

Answer = TypeVar(
    "Answer", recommender_pb2.RecommendResponse, recommender_pb2.RankResponse, recommender_pb2.SimilarItemsResponse
)


def recommend_response(
    slate: Slate, stages: Stages, release: Release, request_id: str
) -> recommender_pb2.RecommendResponse:
    """Build the answer to Recommend."""
    response = _answer(recommender_pb2.RecommendResponse, slate, stages, release, request_id)
    response.cold_start, response.ranker = slate.is_cold_start, slate.ranker
    if slate.user is not None:
        response.user.CopyFrom(_user(slate, release))
    return response


def rank_response(slate: Slate, stages: Stages, release: Release, request_id: str) -> recommender_pb2.RankResponse:
    """Build the answer to Rank."""
    response = _answer(recommender_pb2.RankResponse, slate, stages, release, request_id)
    response.cold_start, response.ranker = slate.is_cold_start, slate.ranker
    response.unknown_item_ids.extend(slate.unknown_ids)
    if slate.user is not None:
        response.user.CopyFrom(_user(slate, release))
    return response


def similar_response(
    slate: Slate, stages: Stages, release: Release, request_id: str
) -> recommender_pb2.SimilarItemsResponse:
    """Build the answer to SimilarItems."""
    return _answer(recommender_pb2.SimilarItemsResponse, slate, stages, release, request_id)


def _answer(kind: type[Answer], slate: Slate, stages: Stages, release: Release, request_id: str) -> Answer:
    """Build what every answer with items has."""
    response = kind.FromString(slate.items + stages_field(kind.DESCRIPTOR, stages))
    response.release, response.request_id = release.id, request_id
    if slate.degraded:
        # The numbers of core's enum are those of the protobuf enum; a test compares them.
        response.degraded.extend(cast("list[recommender_pb2.Degraded.ValueType]", list(slate.degraded)))
    if slate.explanations is not None:
        for place, item in enumerate(response.items):
            item.explanation.CopyFrom(_explanation(slate, place, release))
    return response


def items_response(item_ids: Sequence[str], release: Release) -> catalog_pb2.GetItemsResponse:
    """Build the answer to GetItems from the release's catalogue."""
    response = catalog_pb2.GetItemsResponse()
    catalogue = release.catalogue
    rows = release.vocabulary.rows_of_ids(item_ids)
    for item_id, row in zip(item_ids, rows.tolist(), strict=True):
        if row < FIRST_ITEM_ROW:
            response.unknown_item_ids.append(item_id)
            continue
        item = response.items.add(
            item_id=item_id, title=catalogue.titles[row], categories=catalogue.categories_of(row), available=True
        )
        price = float(catalogue.prices[row])
        if not math.isnan(price):
            item.price = price
    return response


def _explanation(slate: Slate, place: int, release: Release) -> recommender_pb2.Explanation:
    assert slate.explanations is not None  # noqa: S101  # the caller looked
    explanation = slate.explanations[place]
    schema = release.manifest.features
    sources = [
        recommender_pb2.SourceRank(source=name, rank=rank, score=score)
        for name, rank, score in zip(
            schema.sources, slate.source_ranks[place].tolist(), slate.source_scores[place].tolist(), strict=True
        )
        if rank
    ]
    return recommender_pb2.Explanation(
        sources=sorted(sources, key=lambda source: source.rank),
        features=[
            recommender_pb2.FeatureValue(name=name, value=value)
            for name, value in zip(schema.candidate_dense, explanation.features.tolist(), strict=True)
        ],
        neighbours=[
            recommender_pb2.HistoryNeighbour(item_id=release.vocabulary.id_of(row), similarity=cosine)
            for row, cosine in explanation.neighbours
        ],
    )


def _user(slate: Slate, release: Release) -> recommender_pb2.UserExplanation:
    assert slate.user is not None  # noqa: S101  # the caller looked
    return recommender_pb2.UserExplanation(
        recent_item_ids=[release.vocabulary.id_of(row) for row in slate.user.recent_rows],
        event_count=slate.user.event_count,
        row_version=slate.user.row_version,
    )
