import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from shortlist.core.types import Filter, PriceRange
from shortlist.features.catalog import GONE
from shortlist.gateway.catalog import LiveCatalogue
from shortlist.gateway.catalog_readers import Readers
from shortlist.gateway.catalog_room import with_room
from shortlist.release.bundle import Release
from shortlist.telemetry.catalogue import CatalogueMetrics
from shortlist.v1.catalog_pb2 import Attribute, Item
from support.tiny_release import DIMENSION, ITEM_COLUMNS, ITEMS, item_id, numbers_in

ROOM = 4
FIRST_NEW = ITEMS + 2
TEA = item_id(0)
ROW_OF_TEA = 2


class Stage:
    """A live catalogue over the tiny release."""

    def __init__(self, release: Release) -> None:
        self.registry, self.readers = CollectorRegistry(), Readers()
        self.live = LiveCatalogue(with_room(release, ROOM), CatalogueMetrics(self.registry), self.readers)
        self.sequence = 0

    def apply(self, *items: Item, gone: tuple[str, ...] = ()) -> None:
        self.sequence += 1
        records = {item.item_id: item.SerializeToString() for item in items}
        self.live.apply({**records, **dict.fromkeys(gone, GONE)}, self.sequence)

    def count(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"shortlist_gateway_catalogue_{name}")


@pytest.fixture
def stage(tiny_release: Release) -> Stage:
    return Stage(tiny_release)


def test_a_snapshot_stays_as_it_is(stage: Stage) -> None:
    before = stage.live()
    price = float(before.release.catalogue.prices[ROW_OF_TEA])
    stage.apply(Item(item_id=TEA, categories=["Food", "Tea"], price=77.0), gone=(item_id(1),))
    after = stage.live()
    assert float(before.release.catalogue.prices[ROW_OF_TEA]) == price
    assert float(after.release.catalogue.prices[ROW_OF_TEA]) == 77.0
    assert (before.is_gone[3], after.is_gone[3]) == (False, True)


def test_a_new_item_has_a_row_and_can_be_told_by_it(stage: Stage) -> None:
    stage.apply(Item(item_id="new", categories=["Food", "Tea"], price=1.0))
    shelf = stage.live()
    (row,) = shelf.release.vocabulary.rows_of_ids(["new"]).tolist()
    assert (row, shelf.release.vocabulary.id_of(row)) == (FIRST_NEW, "new")
    assert shelf.arrivals is not None
    assert shelf.arrivals.rows.tolist() == [FIRST_NEW]
    assert shelf.release.vocabulary.rows_of_ids([item_id(n) for n in range(ITEMS)]).tolist() == list(
        range(2, ITEMS + 2)
    )


def test_a_new_item_lies_where_those_of_its_category_lie(stage: Stage, tiny_release: Release) -> None:
    stage.apply(Item(item_id="new", categories=["Food", "Tea"]))
    vector = stage.live().release.items.embeddings[FIRST_NEW].astype(np.float32)
    rows = np.array(numbers_in("Tea")) + 2
    assert vector == pytest.approx(tiny_release.items.embeddings[rows].astype(np.float32).mean(axis=0), abs=1e-3)


def test_its_own_embedding_goes_first(stage: Stage) -> None:
    own = np.linspace(-1, 1, DIMENSION)
    stage.apply(Item(item_id="new", categories=["Food", "Tea"], embedding=own))
    assert stage.live().release.items.embeddings[FIRST_NEW] == pytest.approx(own, abs=1e-3)


def test_rows_without_an_item_are_gone(stage: Stage) -> None:
    stage.apply(Item(item_id="new"))
    gone = stage.live().is_gone
    assert np.flatnonzero(gone).tolist() == [0, 1, *range(FIRST_NEW + 1, FIRST_NEW + ROOM)]
    assert stage.live().filters.gone_share == 0.0


def test_what_finds_no_room_is_counted_and_what_does_is_shown(stage: Stage) -> None:
    stage.apply(*(Item(item_id=f"new-{number}") for number in range(ROOM + 2)))
    assert (stage.count("unplaced_total"), stage.count("new_items"), stage.live.room) == (2.0, ROOM, 0)
    stage.apply(Item(item_id="new-0", price=3.0))
    assert stage.live().release.catalogue.prices[FIRST_NEW] == 3.0


def test_what_was_deleted_is_no_candidate_and_what_cannot_be_had_is_none_that_is_kept(stage: Stage) -> None:
    stage.apply(Item(item_id=TEA, available=False), gone=(item_id(1), "never heard of"))
    shelf = stage.live()
    assert shelf.rows_of_candidates([TEA, item_id(1), item_id(2), "gone"]).tolist() == [2, 1, 4, 1]
    assert shelf.filters.only(np.array([2, 4], np.int32)).rows.tolist() == [4]
    assert shelf.filters.gone_share == pytest.approx(2 / ITEMS)
    stage.apply(Item(item_id=TEA), Item(item_id=item_id(1)))
    assert stage.live().filters.gone_share == 0.0


def test_a_filter_whose_rows_stay_the_same_stays_known(stage: Stage) -> None:
    tea, cheap = Filter(include_categories=("Tea",)), Filter(price=PriceRange(0.0, 5.0))
    kept = stage.live().filters.plan(tea)
    stage.live().filters.plan(cheap)
    stage.apply(Item(item_id=TEA, categories=["Food", "Tea"], price=5000.0))
    assert stage.live().filters.plan(tea) is kept
    stage.apply(gone=(TEA,))
    changed = stage.live().filters.plan(tea)
    assert changed is not None
    assert changed.rows.tolist() == [number + 2 for number in numbers_in("Tea")[1:]]


def test_a_filter_knows_new_categories_and_deeper_ones(stage: Stage) -> None:
    names = ["Food", "Tea", "Green", "Japan"]
    stage.apply(Item(item_id=TEA, categories=names, price=3.0))
    for name in names[2:]:
        kept = stage.live().filters.plan(Filter(include_categories=(name,)))
        assert kept is not None
        assert kept.rows.tolist() == [ROW_OF_TEA]
    assert stage.live().release.catalogue.categories_of(ROW_OF_TEA) == names


def test_little_that_is_left_is_a_filter(stage: Stage) -> None:
    stage.apply(gone=tuple(item_id(number) for number in range(40)))
    kept = stage.live().filters.plan(Filter())
    assert kept is not None
    assert kept.count == ITEMS - 40


def test_item_columns_follow_price_and_attributes(stage: Stage) -> None:
    attribute = Attribute(name=ITEM_COLUMNS[1], number=4.5)
    stage.apply(Item(item_id=TEA, price=9.0, attributes=[attribute]))
    columns = stage.live().release.items.columns[ROW_OF_TEA]
    assert columns.tolist() == pytest.approx([np.log1p(9.0), 4.5])


def test_a_change_is_settled_when_nobody_answers_from_before_it(stage: Stage) -> None:
    token = stage.readers.begin()
    stage.apply(gone=(TEA,))
    assert stage.live.settled == 0
    with stage.readers.reading():
        assert stage.live.settled == 0
        stage.readers.end(token)
        assert stage.live.settled == 1


def test_a_record_that_cannot_be_read_changes_nothing_and_counts(stage: Stage) -> None:
    before = stage.live().release.catalogue.prices.copy()
    stage.live.apply({TEA: b"\xff\xff"}, 1)
    assert np.array_equal(stage.live().release.catalogue.prices, before, equal_nan=True)
    assert stage.count("bad_records_total") == 1
