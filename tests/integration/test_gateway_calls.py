"""The gateway's other calls over the wire: RecommendBatch, SimilarItems, Rank, GetItems, health, reflection."""

import itertools
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from shortlist.client import Client
from shortlist.gateway.servicer import SERVICES
from shortlist.release.bundle import Release
from shortlist.rpc.server import FrontKind
from shortlist.v1 import catalog_pb2, recommender_pb2
from support.front_doors import FRONT_KINDS
from support.gateways import TIMEOUT_S, Reached, failure_of, item_ids, serving
from support.tiny_release import CANDIDATES, ITEMS, UNPRICED, category_of, item_id, numbers_in

Recommend = recommender_pb2.RecommendRequest
Rank = recommender_pb2.RankRequest
Similar = recommender_pb2.SimilarItemsRequest


def batch(requests: list[recommender_pb2.RecommendRequest]) -> recommender_pb2.RecommendBatchRequest:
    return recommender_pb2.RecommendBatchRequest(requests=requests)


def test_of_256_requests_the_invalid_one_fails_alone_and_in_its_place(gateway: Reached) -> None:
    requests = [Recommend(user_id=f"user-{number % 40:02}", limit=5) for number in range(256)]
    requests[128] = Recommend(user_id="user-00", limit=201)

    results = gateway.call_batch(batch(requests), timeout=TIMEOUT_S).results

    assert len(results) == 256
    failed = [place for place, result in enumerate(results) if result.status.code]
    assert failed == [128]
    assert results[128].status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert results[128].status.message == "limit: must be at most 200, got 201"
    assert not results[128].HasField("response")
    assert all(len(result.response.items) == 5 for place, result in enumerate(results) if place != 128)


def test_a_batch_of_invalid_requests_only_is_answered_too(gateway: Reached) -> None:
    results = gateway.call_batch(batch([Recommend(), Recommend()]), timeout=TIMEOUT_S).results

    assert [result.status.code for result in results] == [grpc.StatusCode.INVALID_ARGUMENT.value[0]] * 2


@pytest.mark.parametrize("count", [0, 257])
def test_a_batch_of_none_or_more_than_256_is_refused(gateway: Reached, count: int) -> None:
    error = failure_of(gateway.call_batch.future(batch([Recommend(user_id="user-00")] * count), timeout=TIMEOUT_S))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == f"requests: must hold 1 to 256 requests, got {count}"


def test_a_batch_gives_the_answers_that_its_requests_get_alone(gateway: Reached) -> None:
    only_tea = recommender_pb2.Filter(include_categories=["Tea"])
    requests = [
        Recommend(user_id="user-00", limit=7),
        Recommend(user_id="nobody", limit=9),
        Recommend(user_id="user-01", limit=40, filter=only_tea),
        Recommend(user_id="user-02", session_item_ids=[item_id(3)]),
        Recommend(user_id="user-03", filter=recommender_pb2.Filter(exclude_item_ids=[item_id(9), item_id(10)])),
    ]

    together = [result.response for result in gateway.call_batch(batch(requests), timeout=TIMEOUT_S).results]

    for request, answer in zip(requests, together, strict=True):
        alone = gateway.call(request, timeout=TIMEOUT_S)
        assert item_ids(answer) == item_ids(alone)
        assert answer.cold_start == alone.cold_start
        assert [item.score for item in answer.items] == pytest.approx([item.score for item in alone.items], abs=1e-3)


def test_similar_items_come_nearest_first_and_without_the_item_itself(gateway: Reached, tiny_release: Release) -> None:
    answer = gateway.call_similar(Similar(item_id=item_id(7), limit=10), timeout=TIMEOUT_S)

    vectors = tiny_release.items.embeddings.astype(np.float32)
    row = int(tiny_release.vocabulary.rows_of_ids([item_id(7)])[0])
    cosines = vectors @ vectors[row]
    cosines[row] = -2.0
    nearest = [tiny_release.vocabulary.id_of(int(other)) for other in np.argsort(-cosines, kind="stable")[:10]]
    assert item_ids(answer) == nearest
    assert [item.score for item in answer.items] == pytest.approx(sorted(cosines, reverse=True)[:10], abs=1e-3)
    assert [item.rank for item in answer.items] == list(range(1, 11))
    assert [stage.stage for stage in answer.stages] == ["queue", "similar"]


def test_similar_items_respect_a_filter_and_exclusions(gateway: Reached) -> None:
    lamps = [item_id(number) for number in numbers_in("Lamps")]
    condition = recommender_pb2.Filter(include_categories=["Lamps"], exclude_item_ids=lamps[:5])

    answer = gateway.call_similar(Similar(item_id=item_id(0), limit=200, filter=condition), timeout=TIMEOUT_S)

    assert sorted(item_ids(answer)) == sorted(lamps[5:])


def test_more_similar_items_than_the_catalogue_holds_are_all_others(gateway: Reached) -> None:
    answer = gateway.call_similar(Similar(item_id=item_id(0), limit=200), timeout=TIMEOUT_S)

    assert len(set(item_ids(answer))) == len(answer.items) == ITEMS - 1


def test_items_similar_to_an_unknown_one_are_not_found(gateway: Reached) -> None:
    error = failure_of(gateway.call_similar.future(Similar(item_id="no-such-item"), timeout=TIMEOUT_S))

    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == "item_id: 'no-such-item' is not in the catalogue"


def test_rank_returns_every_known_candidate_once_and_lists_the_unknown(gateway: Reached) -> None:
    known = [item_id(number) for number in (3, 50, 7, 119, 0)]
    candidates = ["ghost", *known, known[0], "phantom"]

    answer = gateway.call_rank(Rank(user_id="user-00", item_ids=candidates), timeout=TIMEOUT_S)

    assert sorted(item_ids(answer)) == sorted(known)
    assert list(answer.unknown_item_ids) == ["ghost", "phantom"]
    assert answer.ranker == "triton"
    assert [item.score for item in answer.items] == sorted((item.score for item in answer.items), reverse=True)


def test_rank_returns_all_candidates_even_where_they_are_more_than_it_ranks_otherwise(gateway: Reached) -> None:
    everything = [item_id(number) for number in range(ITEMS)]

    answer = gateway.call_rank(Rank(user_id="user-00", item_ids=everything), timeout=TIMEOUT_S)

    assert CANDIDATES < ITEMS
    assert sorted(item_ids(answer)) == everything


def test_rank_keeps_items_that_the_user_already_has(gateway: Reached) -> None:
    bought = set(gateway.recommend("user-00", explain=True).user.recent_item_ids)

    answer = gateway.call_rank(Rank(user_id="user-00", item_ids=sorted(bought)), timeout=TIMEOUT_S)

    assert set(item_ids(answer)) == bought


def test_rank_gives_an_unknown_user_the_candidates_as_a_cold_start(gateway: Reached) -> None:
    candidates = [item_id(number) for number in range(10)]

    answer = gateway.call_rank(Rank(user_id="nobody", item_ids=candidates, limit=4), timeout=TIMEOUT_S)

    assert answer.cold_start
    assert set(item_ids(answer)) <= set(candidates)
    assert len(answer.items) == 4


def test_rank_of_unknown_items_only_is_an_empty_answer(gateway: Reached) -> None:
    answer = gateway.call_rank(Rank(user_id="user-00", item_ids=["ghost"]), timeout=TIMEOUT_S)

    assert not answer.items
    assert list(answer.unknown_item_ids) == ["ghost"]


def test_get_items_tells_titles_categories_and_prices_and_lists_the_unknown(
    gateway: Reached, tiny_release: Release
) -> None:
    unpriced = UNPRICED[0]
    wanted = [item_id(12), "ghost", item_id(unpriced)]

    answer = gateway.call_items(catalog_pb2.GetItemsRequest(item_ids=wanted), timeout=TIMEOUT_S)

    assert [item.item_id for item in answer.items] == [item_id(12), item_id(unpriced)]
    assert list(answer.unknown_item_ids) == ["ghost"]
    first, second = answer.items
    assert first.title == f"{category_of(12)} no. 12"
    assert list(first.categories) == ["Food", category_of(12)]
    row = int(tiny_release.vocabulary.rows_of_ids([item_id(12)])[0])
    assert first.price == pytest.approx(float(tiny_release.catalogue.prices[row]))
    assert not second.HasField("price")


@pytest.mark.parametrize(
    ("call", "request_of"),
    [
        ("call", lambda release: Recommend(user_id="user-00", release=release)),
        ("call_similar", lambda release: Similar(item_id=item_id(0), release=release)),
        ("call_rank", lambda release: Rank(user_id="user-00", item_ids=[item_id(0)], release=release)),
    ],
)
def test_a_pin_to_the_loaded_release_is_served_and_another_is_not_found(
    gateway: Reached, call: str, request_of: Callable[[str], Any]
) -> None:
    method = getattr(gateway, call)

    assert method(request_of("tiny"), timeout=TIMEOUT_S).release == "tiny"
    error = failure_of(method.future(request_of("other"), timeout=TIMEOUT_S))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == "release: 'other' is not loaded; 'tiny' is"


def test_the_client_that_people_import_reaches_every_call(gateway: Reached) -> None:
    with Client(gateway.address, timeout_s=TIMEOUT_S) as client:
        recommended = item_ids(client.recommend("user-00", limit=3))
        assert len(recommended) == 3
        assert len(client.recommend_batch([Recommend(user_id="user-00")]).results) == 1
        assert len(client.similar_items(recommended[0], limit=4).items) == 4
        assert sorted(item_ids(client.rank("user-00", recommended))) == sorted(recommended)
        assert [item.item_id for item in client.get_items(recommended).items] == recommended
        recorded = client.record("user-of-client", recommended[0], "purchase", value=2.5)
        answer = client.recommend("user-of-client", explain=True, min_row_version=recorded.row_version)
        assert list(answer.user.recent_item_ids) == [recommended[0]]
        with pytest.raises(ValueError, match="LIKE"):
            client.record("user-of-client", recommended[0], "like")


@pytest.mark.parametrize("kind", FRONT_KINDS)
def test_a_ready_gateway_says_serving_and_lists_its_services(tiny_release: Release, kind: FrontKind) -> None:
    with serving(tiny_release, front=kind) as reached:
        health = health_pb2_grpc.HealthStub(reached.channel)
        for service in ("", *SERVICES):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_S)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        listing = reflection_pb2.ServerReflectionRequest(list_services="")
        reflected = reflection_pb2_grpc.ServerReflectionStub(reached.channel).ServerReflectionInfo(
            itertools.repeat(listing, 1), timeout=TIMEOUT_S
        )
        names = {service.name for answer in reflected for service in answer.list_services_response.service}

    assert set(SERVICES) <= names
