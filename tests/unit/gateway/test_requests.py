import math
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from shortlist.core.errors import InvalidRequestError
from shortlist.core.types import Filter, PriceRange, Query
from shortlist.gateway.paging import MAX_TOKEN_BYTES, token_of
from shortlist.gateway.requests import (
    DEFAULT_LIMIT,
    MAX_CANDIDATES,
    MAX_CATEGORIES,
    MAX_EXCLUDED_ITEMS,
    MAX_ITEMS,
    MAX_LIMIT,
    MAX_SESSION_ITEMS,
    is_low_priority,
    item_ids,
    rank_query,
    recommend_query,
    similar_query,
)
from shortlist.v1 import catalog_pb2, recommender_pb2

Fields = dict[str, Any]
LONG_ID = "é" * 129
"""258 bytes in 129 characters."""


def filtered(**fields: Any) -> Fields:
    """Make the field `filter`."""
    return {"filter": recommender_pb2.Filter(**fields)}


def priced(**fields: Any) -> Fields:
    """Make the field `filter` with a price range."""
    return filtered(price=recommender_pb2.PriceRange(**fields))


def at(**fields: Any) -> Fields:
    """Make the field `context`."""
    return {"context": recommender_pb2.Context(**fields)}


def many(count: int) -> list[str]:
    """Make ids."""
    return [f"item-{number}" for number in range(count)]


COMMON: list[tuple[Fields, str]] = [
    ({"user_id": ""}, "user_id"),
    ({"user_id": LONG_ID}, "user_id"),
    ({"session_item_ids": many(MAX_SESSION_ITEMS + 1)}, "session_item_ids"),
    ({"session_item_ids": ["a", ""]}, "session_item_ids[1]"),
    ({"session_item_ids": [LONG_ID]}, "session_item_ids[0]"),
    ({"priority": 3}, "priority"),
    ({"priority": -1}, "priority"),
    (at(surface="x" * 65), "context.surface"),
    (at(device="x" * 65), "context.device"),
    (at(country="DEU"), "context.country"),
    (at(country="D1"), "context.country"),
    (at(country="ÄÖ"), "context.country"),
    (at(time=Timestamp(seconds=-1)), "context.time"),
    (at(time=Timestamp(seconds=2**32)), "context.time"),
    (at(time=Timestamp(seconds=2**62)), "context.time"),
]
FILTERS: list[tuple[Fields, str]] = [
    (priced(min=-0.01), "filter.price.min"),
    (priced(min=math.nan), "filter.price.min"),
    (priced(min=math.inf), "filter.price.min"),
    (priced(max=math.nan), "filter.price.max"),
    (priced(max=math.inf), "filter.price.max"),
    (priced(max=-1.0), "filter.price.max"),
    (priced(min=5.0, max=4.99), "filter.price.max"),
    (filtered(include_categories=[""]), "filter.include_categories"),
    (filtered(include_categories=many(MAX_CATEGORIES + 1)), "filter.include_categories"),
    (filtered(exclude_categories=["Tea", ""]), "filter.exclude_categories"),
    (filtered(exclude_categories=many(MAX_CATEGORIES + 1)), "filter.exclude_categories"),
    (filtered(exclude_item_ids=many(MAX_EXCLUDED_ITEMS + 1)), "filter.exclude_item_ids"),
    (filtered(exclude_item_ids=["a", LONG_ID]), "filter.exclude_item_ids[1]"),
]
RECOMMEND: list[tuple[Fields, str]] = [
    ({"limit": MAX_LIMIT + 1}, "limit"),
    ({"limit": 2**32 - 1}, "limit"),
    ({"diversity": math.nan}, "diversity"),
    ({"diversity": 1.01}, "diversity"),
    ({"diversity": -0.01}, "diversity"),
    ({"session_token": "x"}, "session_token"),
    ({"session_token": "x" * (MAX_TOKEN_BYTES + 1)}, "session_token"),
]
RANK: list[tuple[Fields, str]] = [
    ({"item_ids": []}, "item_ids"),
    ({"item_ids": many(MAX_CANDIDATES + 1)}, "item_ids"),
    ({"item_ids": ["a", ""]}, "item_ids[1]"),
    ({"limit": MAX_CANDIDATES + 1}, "limit"),
]
SIMILAR: list[tuple[Fields, str]] = [
    ({"item_id": ""}, "item_id"),
    ({"item_id": LONG_ID}, "item_id"),
    ({"limit": MAX_LIMIT + 1}, "limit"),
]


def refused_field(check: Callable[[Any], object], request: object) -> str:
    """Check a request that must be refused, and tell which field is to blame."""
    with pytest.raises(InvalidRequestError) as caught:
        check(request)
    return caught.value.field


def named(rows: list[tuple[Fields, str]]) -> list[str]:
    """Give each row an id."""
    return [f"{number}-{field}" for number, (_, field) in enumerate(rows)]


@pytest.mark.parametrize(("fields", "field"), COMMON + FILTERS + RECOMMEND, ids=named(COMMON + FILTERS + RECOMMEND))
def test_a_wrong_field_of_recommend_is_named(fields: Fields, field: str) -> None:
    request = recommender_pb2.RecommendRequest(**({"user_id": "ann"} | fields))
    assert refused_field(recommend_query, request) == field


@pytest.mark.parametrize(("fields", "field"), COMMON + RANK, ids=named(COMMON + RANK))
def test_a_wrong_field_of_rank_is_named(fields: Fields, field: str) -> None:
    request = recommender_pb2.RankRequest(**({"user_id": "ann", "item_ids": ["a"]} | fields))
    assert refused_field(rank_query, request) == field


@pytest.mark.parametrize(("fields", "field"), FILTERS + SIMILAR, ids=named(FILTERS + SIMILAR))
def test_a_wrong_field_of_similar_items_is_named(fields: Fields, field: str) -> None:
    request = recommender_pb2.SimilarItemsRequest(**({"item_id": "a"} | fields))
    assert refused_field(similar_query, request) == field


@pytest.mark.parametrize("ids", [[], many(MAX_ITEMS + 1)])
def test_a_wrong_number_of_items_to_get_is_named(ids: list[str]) -> None:
    assert refused_field(item_ids, catalog_pb2.GetItemsRequest(item_ids=ids)) == "item_ids"


def test_a_request_of_defaults_asks_for_twenty_items_and_nothing_else() -> None:
    query = recommend_query(recommender_pb2.RecommendRequest(user_id="ann"))
    assert query == Query("ann", DEFAULT_LIMIT)


def test_everything_at_its_limit_is_accepted() -> None:
    request = recommender_pb2.RecommendRequest(
        user_id="é" * 128,
        limit=MAX_LIMIT,
        session_item_ids=many(MAX_SESSION_ITEMS),
        filter=recommender_pb2.Filter(
            include_categories=many(MAX_CATEGORIES), exclude_item_ids=many(MAX_EXCLUDED_ITEMS)
        ),
        context=recommender_pb2.Context(
            surface="x" * 64, country="de", time=Timestamp(seconds=2**32 - 1, nanos=500_000_000)
        ),
        min_row_version=2**64 - 1,
        priority=recommender_pb2.PRIORITY_LOW,
    )
    query = recommend_query(request)
    assert query.limit == MAX_LIMIT
    assert query.at_s == 2**32 - 0.5
    assert query.min_row_version == 2**64 - 1


@pytest.mark.parametrize(
    ("fields", "price"),
    [
        ({}, PriceRange()),
        ({"min": 0.0}, PriceRange()),
        ({"max": 0.0}, PriceRange(0.0, 0.0)),
        ({"min": 2.0, "max": 2.0}, PriceRange(2.0, 2.0)),
    ],
)
def test_the_ends_of_a_price_range_may_be_left_open(fields: Fields, price: PriceRange) -> None:
    request = recommender_pb2.RecommendRequest(user_id="ann", **priced(**fields))
    assert recommend_query(request).filter.price == price


@pytest.mark.parametrize(
    ("fields", "seen"), [({}, None), ({"exclude_seen": False}, False), ({"exclude_seen": True}, True)]
)
def test_whether_seen_items_are_excluded_may_be_left_to_the_release(fields: Fields, seen: bool | None) -> None:
    query = recommend_query(recommender_pb2.RecommendRequest(user_id="ann", **filtered(**fields)))
    assert query.filter == Filter(exclude_seen=seen)


@pytest.mark.parametrize("diversity", [0.0, 0.5, 1.0])
def test_a_request_may_ask_for_diversity(diversity: float) -> None:
    assert recommend_query(recommender_pb2.RecommendRequest(user_id="ann", diversity=diversity)).diversity == diversity


def test_a_request_brings_the_keys_of_what_earlier_pages_showed() -> None:
    request = recommender_pb2.RecommendRequest(user_id="ann", session_token=token_of(b"8 bytes."))
    assert recommend_query(request).shown == b"8 bytes."


def test_a_candidate_that_repeats_counts_once() -> None:
    query = rank_query(recommender_pb2.RankRequest(user_id="ann", item_ids=["b", "a", "b"]))
    assert query.candidate_ids == ("b", "a")


def test_rank_wants_all_of_its_candidates_unless_told() -> None:
    assert rank_query(recommender_pb2.RankRequest(user_id="ann", item_ids=["a"])).limit == MAX_CANDIDATES
    assert rank_query(recommender_pb2.RankRequest(user_id="ann", item_ids=["a"], limit=3)).limit == 3


def test_similar_items_has_the_default_limit() -> None:
    assert similar_query(recommender_pb2.SimilarItemsRequest(item_id="a")).limit == DEFAULT_LIMIT


@pytest.mark.parametrize(
    ("priority", "is_low"),
    [
        (recommender_pb2.PRIORITY_UNSPECIFIED, False),
        (recommender_pb2.PRIORITY_NORMAL, False),
        (recommender_pb2.PRIORITY_LOW, True),
    ],
)
def test_only_the_low_priority_is_low(priority: int, *, is_low: bool) -> None:
    assert is_low_priority(priority) is is_low
