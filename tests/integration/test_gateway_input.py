"""A defined result for every ordinary bad request, over the wire (design, section 7)."""

from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from shortlist.release.bundle import Release
from shortlist.rpc.server import FrontKind
from shortlist.v1 import catalog_pb2, recommender_pb2
from support import http2_bytes
from support.front_doors import FRONT_KINDS, on
from support.gateways import TIMEOUT_S, Reached, failure_of, item_ids, serving
from support.real_servers import Valkey
from support.tiny_release import CANDIDATES, CATEGORIES, item_id, numbers_in

RECOMMEND = "/shortlist.v1.RecommenderService/Recommend"
Recommend = recommender_pb2.RecommendRequest
Rank = recommender_pb2.RankRequest
Similar = recommender_pb2.SimilarItemsRequest
Items = catalog_pb2.GetItemsRequest
Context = recommender_pb2.Context
Filter = recommender_pb2.Filter
Price = recommender_pb2.PriceRange
TOO_LONG = "ä" * 128 + "x"
"""129 characters, but 257 bytes."""


def popular_ids(release: Release) -> list[str]:
    return [release.vocabulary.id_of(int(row)) for row in release.items.popular]


def test_an_unknown_user_gets_the_popular_list_as_a_cold_start(gateway: Reached, tiny_release: Release) -> None:
    before = gateway.count("shortlist_gateway_cold_starts_total")

    answer = gateway.recommend("nobody", limit=10)

    assert item_ids(answer) == popular_ids(tiny_release)[:10]
    assert answer.cold_start
    assert not answer.degraded
    assert answer.ranker == ""
    assert [list(item.sources) for item in answer.items] == [["popular"]] * 10
    assert gateway.count("shortlist_gateway_cold_starts_total") == before + 1


def test_an_unknown_user_with_a_session_is_answered_from_it(gateway: Reached) -> None:
    lamps = numbers_in("Lamps")

    answer = gateway.recommend("nobody", session_item_ids=[item_id(number) for number in lamps[:3]], limit=5)

    assert not answer.cold_start
    assert not answer.degraded
    assert answer.ranker == "triton"
    assert set(item_ids(answer)) <= {item_id(number) for number in lamps[3:]}


def test_unknown_items_in_session_and_exclusions_are_ignored_and_counted(
    gateway: Reached, tiny_release: Release
) -> None:
    def ignored(where: str) -> float:
        return gateway.count("shortlist_gateway_ignored_items_total", where=where)

    session, exclude, rank = ignored("session"), ignored("exclude"), ignored("rank")

    answer = gateway.recommend(
        "nobody", session_item_ids=["ghost", "phantom"], filter=Filter(exclude_item_ids=["ghost", item_id(0)])
    )
    gateway.call_rank(Rank(user_id="nobody", item_ids=["ghost", item_id(1)]), timeout=TIMEOUT_S)

    assert answer.cold_start
    assert item_ids(answer) == [popular for popular in popular_ids(tiny_release) if popular != item_id(0)][:20]
    assert (ignored("session"), ignored("exclude"), ignored("rank")) == (session + 2, exclude + 1, rank + 1)


def test_limit_0_is_the_default_of_20(gateway: Reached) -> None:
    assert len(gateway.recommend("user-00", limit=0).items) == 20
    assert len(gateway.recommend("nobody").items) == 20


@pytest.mark.parametrize(
    ("call", "request_", "field"),
    [
        ("call", Recommend(user_id=""), "user_id"),
        ("call", Recommend(user_id=TOO_LONG), "user_id"),
        ("call", Recommend(user_id="u", limit=201), "limit"),
        ("call", Recommend(user_id="u", limit=2**32 - 1), "limit"),
        ("call", Recommend(user_id="u", diversity=1.1), "diversity"),
        ("call", Recommend(user_id="u", diversity=float("nan")), "diversity"),
        ("call", Recommend(user_id="u", session_token="page 2"), "session_token"),  # noqa: S106  # no password
        ("call", Recommend(user_id="u", priority=7), "priority"),  # type: ignore[arg-type]  # proto3 enums are open
        ("call", Recommend(user_id="u", priority=-1), "priority"),  # type: ignore[arg-type]
        ("call", Recommend(user_id="u", session_item_ids=["a", ""]), "session_item_ids[1]"),
        ("call", Recommend(user_id="u", session_item_ids=["a"] * 101), "session_item_ids"),
        ("call", Recommend(user_id="u", filter=Filter(exclude_item_ids=[TOO_LONG])), "filter.exclude_item_ids[0]"),
        ("call", Recommend(user_id="u", filter=Filter(exclude_item_ids=["a"] * 1001)), "filter.exclude_item_ids"),
        ("call", Recommend(user_id="u", filter=Filter(include_categories=[""])), "filter.include_categories"),
        ("call", Recommend(user_id="u", filter=Filter(exclude_categories=["a"] * 65)), "filter.exclude_categories"),
        ("call", Recommend(user_id="u", filter=Filter(price=Price(min=-0.01))), "filter.price.min"),
        ("call", Recommend(user_id="u", filter=Filter(price=Price(min=float("nan")))), "filter.price.min"),
        ("call", Recommend(user_id="u", filter=Filter(price=Price(max=float("nan")))), "filter.price.max"),
        ("call", Recommend(user_id="u", filter=Filter(price=Price(max=float("inf")))), "filter.price.max"),
        ("call", Recommend(user_id="u", filter=Filter(price=Price(max=-1.0))), "filter.price.max"),
        ("call", Recommend(user_id="u", filter=Filter(price=Price(min=2.0, max=1.0))), "filter.price.max"),
        ("call", Recommend(user_id="u", context=Context(surface="s" * 65)), "context.surface"),
        ("call", Recommend(user_id="u", context=Context(device="d" * 65)), "context.device"),
        ("call", Recommend(user_id="u", context=Context(country="DEU")), "context.country"),
        ("call", Recommend(user_id="u", context=Context(time=Timestamp(seconds=-1))), "context.time"),
        ("call", Recommend(user_id="u", context=Context(time=Timestamp(seconds=2**40))), "context.time"),
        ("call_rank", Rank(user_id="", item_ids=["a"]), "user_id"),
        ("call_rank", Rank(user_id="u"), "item_ids"),
        ("call_rank", Rank(user_id="u", item_ids=["a", ""]), "item_ids[1]"),
        ("call_rank", Rank(user_id="u", item_ids=["a"] * 1001), "item_ids"),
        ("call_rank", Rank(user_id="u", item_ids=["a"], limit=1001), "limit"),
        ("call_rank", Rank(user_id="u", item_ids=["a"], priority=3), "priority"),  # type: ignore[arg-type]
        ("call_similar", Similar(item_id=""), "item_id"),
        ("call_similar", Similar(item_id=TOO_LONG), "item_id"),
        ("call_similar", Similar(item_id="a", limit=201), "limit"),
        ("call_similar", Similar(item_id="a", filter=Filter(price=Price(min=-1.0))), "filter.price.min"),
        ("call_items", Items(), "item_ids"),
        ("call_items", Items(item_ids=["a", ""]), "item_ids[1]"),
        ("call_items", Items(item_ids=["a"] * 1001), "item_ids"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(gateway: Reached, call: str, request_: Any, field: str) -> None:
    error = failure_of(getattr(gateway, call).future(request_, timeout=TIMEOUT_S))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert str(error.details()).startswith(f"{field}: ")


def test_the_largest_allowed_values_are_served(gateway: Reached) -> None:
    edge = Recommend(
        user_id="ä" * 128,
        limit=200,
        session_item_ids=[item_id(number) for number in range(100)],
        filter=Filter(exclude_item_ids=[f"ghost-{number}" for number in range(1000)], exclude_categories=["none"] * 64),
        context=Context(surface="s" * 64, device="d" * 64, country="de", time=Timestamp(seconds=2**32 - 1)),
    )

    assert gateway.call(edge, timeout=TIMEOUT_S).items


def test_a_limit_larger_than_what_survives_gives_fewer_items_and_no_padding(gateway: Reached) -> None:
    tea = Filter(include_categories=["Tea"])

    answer = gateway.recommend("user-00", limit=200, filter=tea)

    bought = set(gateway.recommend("user-00", explain=True).user.recent_item_ids)
    assert sorted(item_ids(answer)) == sorted({item_id(number) for number in numbers_in("Tea")} - bought)
    assert [item.rank for item in answer.items] == list(range(1, len(answer.items) + 1))


def test_a_limit_larger_than_the_candidates_gives_every_candidate_once(gateway: Reached) -> None:
    answer = gateway.recommend("user-00", limit=200)

    assert len(set(item_ids(answer))) == len(answer.items) == CANDIDATES


@pytest.mark.parametrize("user", ["user-00", "nobody"])
@pytest.mark.parametrize(
    "nothing",
    [
        Filter(include_categories=["No such category"]),
        Filter(exclude_categories=list(CATEGORIES)),
        Filter(price=Price(min=1e9)),
        Filter(include_categories=["Tea"], exclude_item_ids=[item_id(number) for number in numbers_in("Tea")]),
    ],
)
def test_a_filter_that_leaves_nothing_gives_an_empty_answer(
    gateway: Reached, user: str, nothing: recommender_pb2.Filter
) -> None:
    answer = gateway.recommend(user, filter=nothing)

    assert not answer.items
    assert not answer.degraded
    assert answer.cold_start == (user == "nobody")


def test_one_user_with_a_filter_that_leaves_nothing_costs_the_others_of_the_batch_nothing(gateway: Reached) -> None:
    requests = [
        Recommend(user_id="user-00", filter=Filter(include_categories=["No such category"])),
        Recommend(user_id="user-01"),
    ]

    results = gateway.call_batch(recommender_pb2.RecommendBatchRequest(requests=requests), timeout=TIMEOUT_S).results

    assert [len(result.response.items) for result in results] == [0, 20]


@pytest.fixture(scope="module", params=FRONT_KINDS)
def narrow(request: Any, tiny_release: Release, valkey: Valkey) -> Any:
    """Run a gateway that takes messages of 2,048 bytes, behind each front door in turn."""
    kind: FrontKind = request.param
    with serving(tiny_release, valkey.url, front=kind, max_message_bytes=2048) as reached:
        yield reached


def test_a_message_over_the_limit_is_an_error_and_the_next_request_is_served(narrow: Reached) -> None:
    error = failure_of(narrow.call.future(Recommend(user_id="u" * 4096), timeout=TIMEOUT_S))

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert narrow.recommend("user-00").items


@pytest.mark.parametrize(
    "payload",
    [
        Recommend(user_id="user-00", session_item_ids=["item-001"]).SerializeToString()[:-3],
        b"\xff" * 64,
        b"\x0a\x02\xff\xfe",  # a user_id that is no UTF-8
    ],
)
def test_half_a_message_is_an_error_and_the_next_request_is_served(narrow: Reached, payload: bytes) -> None:
    error = failure_of(on(narrow.channel, RECOMMEND).future(payload, timeout=TIMEOUT_S))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == "request: is no message of this method"
    assert narrow.recommend("user-00").items


def test_an_unknown_method_is_unimplemented(narrow: Reached) -> None:
    error = failure_of(on(narrow.channel, "/shortlist.v1.RecommenderService/Guess").future(b"", timeout=TIMEOUT_S))

    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00" * 4096,
        http2_bytes.PREFACE + b"\xff" * 512,
        http2_bytes.request(RECOMMEND, b"\x0a\x07user-00")[:-4],
    ],
)
def test_garbage_on_the_port_is_dropped_and_the_next_request_is_served(narrow: Reached, sent: bytes) -> None:
    connection = http2_bytes.connect(narrow.port)
    connection.sendall(sent)
    http2_bytes.reset(connection)

    assert narrow.recommend("user-00").items
