"""What the catalogue says of items: records of the live catalogue where there are some, else what the release has."""

import math
from collections.abc import Sequence

from google.protobuf.message import DecodeError

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.features.catalog import GONE
from shortlist.gateway.catalog_shelf import Shelf
from shortlist.release.bundle import Release
from shortlist.v1 import catalog_pb2


def items_of(
    item_ids: Sequence[str], records: Sequence[bytes | None], sequence: int, shelf: Shelf
) -> catalog_pb2.GetItemsResponse:
    """Answer GetItems.

    Args:
        item_ids: In their order.
        records: Of the live catalogue; None where it has none, GONE where the item was taken off.
        sequence: That was read.
        shelf: What this process knows.
    """
    response = catalog_pb2.GetItemsResponse(sequence=sequence)
    for item_id, record, row in zip(item_ids, records, shelf.rows_of_candidates(item_ids).tolist(), strict=True):
        item = _read(record) if record else None
        if item is None and record != GONE:
            item = _of_release(item_id, row, shelf.release)
        if item is None:
            response.unknown_item_ids.append(item_id)
        else:
            response.items.append(item)
    return response


def _read(record: bytes) -> catalog_pb2.Item | None:
    try:
        return catalog_pb2.Item.FromString(record)
    except DecodeError:
        return None


def _of_release(item_id: str, row: int, release: Release) -> catalog_pb2.Item | None:
    """Say what the release knows; None where it does not know the item."""
    if not FIRST_ITEM_ROW <= row < release.manifest.item_count + FIRST_ITEM_ROW:
        return None
    catalogue = release.catalogue
    item = catalog_pb2.Item(
        item_id=item_id, title=catalogue.titles[row], categories=catalogue.categories_of(row), available=True
    )
    price = float(catalogue.prices[row])
    if not math.isnan(price):
        item.price = price
    return item
