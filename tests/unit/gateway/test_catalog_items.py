import numpy as np
import pytest

from shortlist.features.catalog import GONE
from shortlist.gateway.catalog_items import items_of
from shortlist.gateway.catalog_shelf import Shelf
from shortlist.release.bundle import Release
from shortlist.retrieval.filters import Filters
from shortlist.v1.catalog_pb2 import Item
from support.tiny_release import UNPRICED, item_id


@pytest.fixture
def shelf(tiny_release: Release) -> Shelf:
    return Shelf.of(tiny_release, Filters(tiny_release.catalogue, tiny_release.items.embeddings))


def test_items_without_a_record_are_as_the_release_has_them(shelf: Shelf) -> None:
    response = items_of([item_id(2), "gone"], [None, None], 7, shelf)
    (item,) = response.items
    assert (item.item_id, item.title, list(item.categories), item.available) == (
        item_id(2),
        "Bread no. 2",
        ["Food", "Bread"],
        True,
    )
    assert item.price == pytest.approx(float(shelf.release.catalogue.prices[4]))
    assert (list(response.unknown_item_ids), response.sequence) == (["gone"], 7)


def test_an_item_without_a_price_has_none(shelf: Shelf) -> None:
    (item,) = items_of([item_id(UNPRICED[0])], [None], 0, shelf).items
    assert not item.HasField("price")


def test_a_record_goes_before_the_release_and_one_that_cannot_be_read_does_not(shelf: Shelf) -> None:
    new = Item(item_id="new", title="New")
    response = items_of(["new", item_id(1), item_id(2)], [new.SerializeToString(), GONE, b"\xff\xff"], 3, shelf)
    assert [item.title for item in response.items] == ["New", "Bread no. 2"]
    assert list(response.unknown_item_ids) == [item_id(1)]


def test_what_this_process_took_off_is_unknown_whatever_the_store_lost(shelf: Shelf) -> None:
    is_deleted = np.zeros(shelf.release.vocabulary.row_count, np.bool_)
    is_deleted[4] = True
    object.__setattr__(shelf, "is_deleted", is_deleted)
    assert list(items_of([item_id(2)], [None], 0, shelf).unknown_item_ids) == [item_id(2)]
