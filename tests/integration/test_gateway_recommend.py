"""Recommend over the wire: real Valkey, real Triton, the tiny release, both front doors."""

import re
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from shortlist.gateway.live import LIVE_SOURCES
from shortlist.release.bundle import Release
from shortlist.retrieval.delta import NEW_ARRIVALS
from shortlist.rpc.server import FrontKind
from shortlist.v1 import recommender_pb2
from support.front_doors import FRONT_KINDS
from support.gateways import TIMEOUT_S, Reached, degraded_steps, failure_of, item_ids, serving
from support.real_servers import Triton, Valkey
from support.tiny_release import CATEGORIES, SOURCES, item_id, numbers_in

USERS = [f"user-{number:02}" for number in range(8)]
LATER = recommender_pb2.Context(time=Timestamp(seconds=int(time.time()) + 3600))
"""A moment after every stored event, the same for every request: ages do not move between two of them."""


@pytest.fixture(scope="module", params=FRONT_KINDS)
def either(request: Any, tiny_release: Release, valkey: Valkey, triton: Triton) -> Iterator[Reached]:
    """Run a gateway over real servers behind each front door in turn."""
    kind: FrontKind = request.param
    with serving(tiny_release, valkey.url, triton.address, front=kind, start_wait_s=20.0) as reached:
        yield reached


def test_a_known_user_gets_a_whole_answer_that_triton_ranked(either: Reached, tiny_release: Release) -> None:
    answer = either.recommend("user-00", limit=15)

    assert answer.ranker == "triton"
    assert not answer.degraded
    assert not answer.cold_start
    assert [item.rank for item in answer.items] == list(range(1, 16))
    assert [item.score for item in answer.items] == sorted((item.score for item in answer.items), reverse=True)
    assert len(set(item_ids(answer))) == 15
    assert all(0.0 <= item.retrieval_score <= 1.0 for item in answer.items)
    assert answer.release == tiny_release.id
    assert re.fullmatch("[0-9a-f]{32}", answer.request_id)


def test_every_item_names_the_sources_that_proposed_it(either: Reached) -> None:
    answer = either.recommend("user-01", limit=40)

    assert all(item.sources for item in answer.items)
    assert {source for item in answer.items for source in item.sources} == set(SOURCES)


def test_stages_are_named_in_order_from_the_queue_on(either: Reached) -> None:
    stages = [stage.stage for stage in either.recommend("user-02").stages]

    sources = (*SOURCES, *LIVE_SOURCES, NEW_ARRIVALS)
    assert stages == ["queue", "features", "encode", *sources, "merge", "tensors", "rank", "slate"]


def test_two_answers_have_two_request_ids(either: Reached) -> None:
    assert either.recommend("user-03").request_id != either.recommend("user-03").request_id


def test_a_batch_is_answered_behind_either_front_door(either: Reached) -> None:
    requests = [recommender_pb2.RecommendRequest(user_id=user) for user in USERS]

    results = either.call_batch(recommender_pb2.RecommendBatchRequest(requests=requests), timeout=TIMEOUT_S).results

    assert [result.status.code for result in results] == [0] * len(USERS)
    assert [result.response.ranker for result in results] == ["triton"] * len(USERS)


def test_many_calls_at_once_get_the_answers_that_they_get_alone(either: Reached) -> None:
    requests = [
        recommender_pb2.RecommendRequest(
            user_id=user,
            context=LATER,
            limit=5 + number % 3,
            filter=recommender_pb2.Filter(exclude_item_ids=[item_id(number)] * (number % 2)),
        )
        for number in range(15)
        for user in (*USERS, "nobody")
    ]

    together = [either.call.future(request, timeout=TIMEOUT_S) for request in requests]

    for request, call in zip(requests, together, strict=True):
        assert item_ids(call.result(TIMEOUT_S)) == item_ids(either.call(request, timeout=TIMEOUT_S))


def test_a_refusal_names_the_field_behind_either_front_door(either: Reached) -> None:
    error = failure_of(either.call.future(recommender_pb2.RecommendRequest(user_id=""), timeout=TIMEOUT_S))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == "user_id: must have 1 to 256 bytes, got 0"


def test_triton_and_the_in_process_ranker_give_the_same_items_and_scores(
    gateway: Reached, local_gateway: Reached
) -> None:
    for user in USERS:
        on_triton = gateway.recommend(user, limit=20, context=LATER)
        in_process = local_gateway.recommend(user, limit=20, context=LATER)

        assert (on_triton.ranker, in_process.ranker) == ("triton", "onnxruntime")
        assert item_ids(on_triton) == item_ids(in_process)
        assert [item.score for item in on_triton.items] == pytest.approx(
            [item.score for item in in_process.items], abs=1e-4
        )


def test_items_that_the_user_bought_are_left_out_unless_asked_for(gateway: Reached) -> None:
    explained = gateway.recommend("user-04", limit=60, explain=True)
    bought = set(explained.user.recent_item_ids)
    wanted = recommender_pb2.Filter(exclude_seen=False)

    assert bought
    assert not bought & set(item_ids(explained))
    assert bought & set(item_ids(gateway.recommend("user-04", limit=60, filter=wanted)))


def test_excluded_items_do_not_appear_and_others_take_their_places(gateway: Reached) -> None:
    first = item_ids(gateway.recommend("user-05", context=LATER))
    excluding = recommender_pb2.Filter(exclude_item_ids=first[:3])

    again = item_ids(gateway.recommend("user-05", context=LATER, filter=excluding))

    assert not set(first[:3]) & set(again)
    assert len(again) == 20
    assert set(first[3:]) <= set(again)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_category_filter_keeps_that_category_only(gateway: Reached, category: str) -> None:
    answer = gateway.recommend("user-06", filter=recommender_pb2.Filter(include_categories=[category]))

    assert answer.items
    assert set(item_ids(answer)) <= {item_id(number) for number in numbers_in(category)}


def test_a_price_filter_keeps_the_range_and_drops_items_without_a_price(
    gateway: Reached, tiny_release: Release
) -> None:
    condition = recommender_pb2.Filter(price=recommender_pb2.PriceRange(min=10.0, max=20.0))

    answer = gateway.recommend("user-07", limit=60, filter=condition)

    prices = tiny_release.catalogue.prices[tiny_release.vocabulary.rows_of_ids(item_ids(answer))]
    assert len(prices) > 0
    assert ((prices >= 10.0) & (prices <= 20.0)).all()


def test_an_explanation_tells_sources_features_neighbours_and_what_is_known_of_the_user(
    gateway: Reached, tiny_release: Release
) -> None:
    answer = gateway.recommend("user-00", limit=5, explain=True)

    assert answer.user.event_count == 12
    assert answer.user.row_version == 1
    for item in answer.items:
        features = [feature.name for feature in item.explanation.features]
        assert features == list(tiny_release.manifest.features.candidate_dense)
        assert [source.source for source in item.explanation.sources] == list(item.sources)
        nearness = [neighbour.similarity for neighbour in item.explanation.neighbours]
        assert nearness == sorted(nearness, reverse=True)
        assert {neighbour.item_id for neighbour in item.explanation.neighbours} <= set(answer.user.recent_item_ids)


def test_nothing_is_explained_to_who_does_not_ask(gateway: Reached) -> None:
    answer = gateway.recommend("user-00", limit=5)

    assert not answer.HasField("user")
    assert not any(item.HasField("explanation") for item in answer.items)


def test_a_session_moves_the_answer_towards_its_items(gateway: Reached) -> None:
    lamps = numbers_in("Lamps")

    before = gateway.recommend("user-00", context=LATER)
    after = gateway.recommend("user-00", session_item_ids=[item_id(number) for number in lamps[:6]], context=LATER)

    wanted = {item_id(number) for number in lamps}
    assert len(wanted & set(item_ids(after))) > len(wanted & set(item_ids(before)))


def test_a_row_older_than_demanded_is_answered_and_named_stale(gateway: Reached) -> None:
    assert degraded_steps(gateway.recommend("user-00", min_row_version=1)) == []
    assert degraded_steps(gateway.recommend("user-00", min_row_version=2)) == ["STALE_FEATURES"]
