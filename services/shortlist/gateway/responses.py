"""Slates to protobuf responses."""

import math
from collections.abc import Sequence
from typing import cast

import numpy as np

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.gateway.jobs import Stages
from shortlist.gateway.slate import Slate
from shortlist.release.bundle import Release
from shortlist.v1 import catalog_pb2, recommender_pb2


def recommend_response(
    slate: Slate, stages: Stages, release: Release, request_id: str
) -> recommender_pb2.RecommendResponse:
    """Build the answer to Recommend."""
    response = recommender_pb2.RecommendResponse(
        items=_items(slate, release),
        release=release.id,
        degraded=_degraded(slate),
        cold_start=slate.is_cold_start,
        stages=_timings(stages),
        request_id=request_id,
        ranker=slate.ranker,
    )
    if slate.user is not None:
        response.user.CopyFrom(_user(slate, release))
    return response


def rank_response(slate: Slate, stages: Stages, release: Release, request_id: str) -> recommender_pb2.RankResponse:
    """Build the answer to Rank."""
    response = recommender_pb2.RankResponse(
        items=_items(slate, release),
        unknown_item_ids=slate.unknown_ids,
        release=release.id,
        degraded=_degraded(slate),
        cold_start=slate.is_cold_start,
        stages=_timings(stages),
        request_id=request_id,
        ranker=slate.ranker,
    )
    if slate.user is not None:
        response.user.CopyFrom(_user(slate, release))
    return response


def similar_response(
    slate: Slate, stages: Stages, release: Release, request_id: str
) -> recommender_pb2.SimilarItemsResponse:
    """Build the answer to SimilarItems."""
    return recommender_pb2.SimilarItemsResponse(
        items=_items(slate, release),
        release=release.id,
        degraded=_degraded(slate),
        stages=_timings(stages),
        request_id=request_id,
    )


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


def _degraded(slate: Slate) -> "list[recommender_pb2.Degraded.ValueType]":
    # The numbers of core's enum are those of the protobuf enum; a test compares them.
    return cast("list[recommender_pb2.Degraded.ValueType]", list(slate.degraded))


def _items(slate: Slate, release: Release) -> list[recommender_pb2.RecommendedItem]:
    names = release.manifest.features.sources
    # Those that did not propose an item have rank 0, and come last.
    ranks = np.where(slate.source_ranks > 0, slate.source_ranks, np.iinfo(np.int32).max)
    columns = zip(
        release.vocabulary.ids_of(slate.rows),
        slate.scores.tolist(),
        slate.retrieval_scores.tolist(),
        np.argsort(ranks, axis=1, kind="stable").tolist(),
        np.count_nonzero(slate.source_ranks, axis=1).tolist(),
        strict=True,
    )
    return [
        recommender_pb2.RecommendedItem(
            item_id=item_id,
            score=score,
            rank=place + 1,
            retrieval_score=retrieval_score,
            sources=[names[source] for source in order[:proposed]],
            explanation=None if slate.explanations is None else _explanation(slate, place, release),
        )
        for place, (item_id, score, retrieval_score, order, proposed) in enumerate(columns)
    ]


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


def _timings(stages: Stages) -> list[recommender_pb2.StageTiming]:
    return [recommender_pb2.StageTiming(stage=name, microseconds=round(seconds * 1e6)) for name, seconds in stages]
