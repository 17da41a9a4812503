"""Protobuf requests to core types: every field is checked here, and an error names it.

Limits are those that the proto files state. A check that fails is an InvalidRequestError; nothing is repaired.
"""

import math
from collections.abc import Sequence

from shortlist.core.errors import InvalidRequestError
from shortlist.core.types import Filter, PriceRange, Query, SimilarQuery
from shortlist.gateway.paging import shown_by
from shortlist.v1 import catalog_pb2, recommender_pb2

DEFAULT_LIMIT = 20
MAX_LIMIT = 200
MAX_ID_BYTES = 256
MAX_BATCH_REQUESTS = 256
MAX_SESSION_ITEMS = 100
MAX_EXCLUDED_ITEMS = 1000
MAX_CATEGORIES = 64
MAX_CANDIDATES = 1000
MAX_ITEMS = 1000
MAX_NAME_BYTES = 64

_PRIORITIES = frozenset(recommender_pb2.Priority.values())
_NO_FILTER = Filter()


def recommend_query(request: recommender_pb2.RecommendRequest) -> Query:
    """Check a RecommendRequest."""
    if not 0.0 <= request.diversity <= 1.0:  # also refuses NaN
        raise InvalidRequestError("diversity", f"must be between 0 and 1, got {request.diversity}")
    _check_priority(request.priority)
    return Query(
        user_id=checked_id("user_id", request.user_id),
        limit=_limit(request.limit, DEFAULT_LIMIT, MAX_LIMIT),
        filter=_filter(request.filter) if request.HasField("filter") else _NO_FILTER,
        session_item_ids=_ids("session_item_ids", request.session_item_ids, MAX_SESSION_ITEMS),
        at_s=_moment(request.context) if request.HasField("context") else None,
        min_row_version=request.min_row_version,
        explain=request.explain,
        diversity=request.diversity,
        shown=shown_by(request.session_token) if request.session_token else b"",
    )


def rank_query(request: recommender_pb2.RankRequest) -> Query:
    """Check a RankRequest."""
    _check_priority(request.priority)
    if not request.item_ids:
        raise InvalidRequestError("item_ids", "must name at least one item")
    candidates = tuple(dict.fromkeys(_ids("item_ids", request.item_ids, MAX_CANDIDATES)))
    return Query(
        user_id=checked_id("user_id", request.user_id),
        limit=_limit(request.limit, MAX_CANDIDATES, MAX_CANDIDATES),
        session_item_ids=_ids("session_item_ids", request.session_item_ids, MAX_SESSION_ITEMS),
        candidate_ids=candidates,
        at_s=_moment(request.context) if request.HasField("context") else None,
        min_row_version=request.min_row_version,
        explain=request.explain,
    )


def similar_query(request: recommender_pb2.SimilarItemsRequest) -> SimilarQuery:
    """Check a SimilarItemsRequest."""
    return SimilarQuery(
        item_id=checked_id("item_id", request.item_id),
        limit=_limit(request.limit, DEFAULT_LIMIT, MAX_LIMIT),
        filter=_filter(request.filter) if request.HasField("filter") else _NO_FILTER,
    )


def item_ids(request: catalog_pb2.GetItemsRequest) -> tuple[str, ...]:
    """Check a GetItemsRequest."""
    if not request.item_ids:
        raise InvalidRequestError("item_ids", "must name at least one item")
    return _ids("item_ids", request.item_ids, MAX_ITEMS)


def is_low_priority(priority: int) -> bool:
    """Tell whether a checked priority is the low one."""
    return priority == recommender_pb2.PRIORITY_LOW


def _check_priority(priority: int) -> None:
    # proto3 enums are open: an unknown number arrives as it was sent.
    if priority not in _PRIORITIES:
        raise InvalidRequestError("priority", f"{priority} is no value of Priority")


def checked_id(field: str, value: str) -> str:
    """Check an id of an item or a user; InvalidRequestError names the field."""
    check_size(field, value, 1, MAX_ID_BYTES)
    return value


def check_size(field: str, value: str, least: int, most: int) -> None:
    """Check the size of a text in bytes; InvalidRequestError names the field."""
    size = len(value.encode())
    if not least <= size <= most:
        raise InvalidRequestError(field, f"must have {least} to {most} bytes, got {size}")


def _ids(field: str, values: Sequence[str], most: int) -> tuple[str, ...]:
    if len(values) > most:
        raise InvalidRequestError(field, f"must hold at most {most} ids, got {len(values)}")
    for place, value in enumerate(values):
        checked_id(f"{field}[{place}]", value)
    return tuple(values)


def _limit(value: int, default: int, most: int) -> int:
    if value > most:
        raise InvalidRequestError("limit", f"must be at most {most}, got {value}")
    return value or default


def _filter(message: recommender_pb2.Filter) -> Filter:
    return Filter(
        include_categories=_categories("filter.include_categories", message.include_categories),
        exclude_categories=_categories("filter.exclude_categories", message.exclude_categories),
        exclude_item_ids=_ids("filter.exclude_item_ids", message.exclude_item_ids, MAX_EXCLUDED_ITEMS),
        exclude_seen=message.exclude_seen if message.HasField("exclude_seen") else None,
        price=_price(message.price) if message.HasField("price") else None,
    )


def _categories(field: str, values: Sequence[str]) -> tuple[str, ...]:
    if len(values) > MAX_CATEGORIES:
        raise InvalidRequestError(field, f"must hold at most {MAX_CATEGORIES} names, got {len(values)}")
    if not all(values):
        raise InvalidRequestError(field, "must not hold an empty name")
    return tuple(values)


def _price(message: recommender_pb2.PriceRange) -> PriceRange:
    low = message.min if message.HasField("min") else 0.0
    if not math.isfinite(low) or low < 0:
        raise InvalidRequestError("filter.price.min", f"must be 0 or more and finite, got {low}")
    if not message.HasField("max"):
        return PriceRange(low)
    if not math.isfinite(message.max) or message.max < low:
        raise InvalidRequestError("filter.price.max", f"must be at least min and finite, got {message.max}")
    return PriceRange(low, message.max)


def _moment(context: recommender_pb2.Context) -> float | None:
    for field in ("surface", "device"):
        if len(getattr(context, field).encode()) > MAX_NAME_BYTES:
            raise InvalidRequestError(f"context.{field}", f"must have at most {MAX_NAME_BYTES} bytes")
    if context.country and not (len(context.country) == 2 and context.country.isascii() and context.country.isalpha()):
        raise InvalidRequestError("context.country", "must be empty or an ISO 3166-1 alpha-2 code")
    if not context.HasField("time"):
        return None
    moment = context.time.seconds + context.time.nanos / 1e9
    if not 0 <= moment < 2**32:
        raise InvalidRequestError("context.time", "must lie between 1970 and 2106")
    return moment
