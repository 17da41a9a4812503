"""Protobuf items to records of the store: every field is checked here, and an error names it.

Limits are those that the proto file states. A call is refused as a whole, before anything is stored.
"""

import math
from collections.abc import Sequence

from shortlist.core.errors import InvalidRequestError
from shortlist.features.catalog import GONE, Records
from shortlist.gateway.requests import MAX_ITEMS, check_size, checked_id
from shortlist.v1 import catalog_pb2

MAX_TITLE_BYTES = 1024
MAX_NAME_BYTES = 256
MAX_LEVELS = 16
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE_NAME_BYTES = 64
MAX_TEXT_BYTES = 64 * 1024
_MOST = 1e4
"""Embeddings are held in 16 bits."""


def counted(request: catalog_pb2.UpsertItemsRequest) -> catalog_pb2.UpsertItemsRequest:
    """Check how many items there are, and nothing else yet."""
    _check_count("items", len(request.items))
    return request


def upserted(request: catalog_pb2.UpsertItemsRequest, dimension: int) -> Records:
    """Check items against the length of the release's embeddings; the last of repeated items counts."""
    for place, item in enumerate(request.items):
        _check(place, item, dimension)
    return {item.item_id: item.SerializeToString() for item in request.items}


def deleted(request: catalog_pb2.DeleteItemsRequest) -> Records:
    """Check a DeleteItemsRequest."""
    _check_count("item_ids", len(request.item_ids))
    for place, item_id in enumerate(request.item_ids):
        checked_id(f"item_ids[{place}]", item_id)
    return dict.fromkeys(request.item_ids, GONE)


def _check(place: int, item: catalog_pb2.Item, dimension: int) -> None:
    field = f"items[{place}]"
    checked_id(f"{field}.item_id", item.item_id)
    check_size(f"{field}.title", item.title, 0, MAX_TITLE_BYTES)
    _check_most(f"{field}.categories", len(item.categories), MAX_LEVELS, "names")
    for level, name in enumerate(item.categories):
        check_size(f"{field}.categories[{level}]", name, 1, MAX_NAME_BYTES)
    if item.HasField("price") and not (math.isfinite(item.price) and item.price >= 0):
        raise InvalidRequestError(f"{field}.price", f"must be 0 or more and finite, got {item.price}")
    _check_most(f"{field}.attributes", len(item.attributes), MAX_ATTRIBUTES, "attributes")
    for number, attribute in enumerate(item.attributes):
        _check_attribute(f"{field}.attributes[{number}]", attribute)
    if item.embedding:
        _check_embedding(f"{field}.embedding", item.embedding, dimension)


def _check_attribute(field: str, attribute: catalog_pb2.Attribute) -> None:
    check_size(f"{field}.name", attribute.name, 1, MAX_ATTRIBUTE_NAME_BYTES)
    match attribute.WhichOneof("value"):
        case "category":
            check_size(f"{field}.category", attribute.category, 1, MAX_NAME_BYTES)
        case "number":
            if not math.isfinite(attribute.number):
                raise InvalidRequestError(f"{field}.number", f"must be finite, got {attribute.number}")
        case "text":
            check_size(f"{field}.text", attribute.text, 0, MAX_TEXT_BYTES)
        case _:
            raise InvalidRequestError(f"{field}.value", "must be a category, a number or a text")


def _check_embedding(field: str, embedding: Sequence[float], dimension: int) -> None:
    if len(embedding) != dimension:
        raise InvalidRequestError(field, f"must have {dimension} numbers, as the release's, got {len(embedding)}")
    if not all(map(math.isfinite, embedding)):
        raise InvalidRequestError(field, "must be finite")
    if max(map(abs, embedding)) > _MOST:
        raise InvalidRequestError(field, f"must be within ±{_MOST:g}")


def _check_count(field: str, count: int) -> None:
    if not 1 <= count <= MAX_ITEMS:
        raise InvalidRequestError(field, f"must hold 1 to {MAX_ITEMS}, got {count}")


def _check_most(field: str, count: int, most: int, what: str) -> None:
    if count > most:
        raise InvalidRequestError(field, f"must hold at most {most} {what}, got {count}")
