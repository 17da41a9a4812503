import numpy as np
import pytest

from shortlist.core.types import Filter, PriceRange
from shortlist.release.bundle import Release
from shortlist.retrieval import filters as filters_module
from shortlist.retrieval.filters import CACHED_FILTERS, Bitmaps, Filters, bitmap_of
from support.tiny_release import item_id, numbers_in

TEA = Filter(include_categories=("Tea",))


@pytest.fixture
def filters(tiny_release: Release) -> Filters:
    """Plan filters over the tiny release."""
    return Filters(tiny_release.catalogue, tiny_release.items.embeddings)


def test_a_filter_that_keeps_everything_needs_no_plan(filters: Filters) -> None:
    assert filters.plan(Filter(exclude_item_ids=("a",), exclude_seen=False)) is None


def test_a_plan_holds_the_kept_rows_and_their_vectors(filters: Filters, tiny_release: Release) -> None:
    kept = filters.plan(TEA)
    assert kept is not None
    expected = sorted(tiny_release.vocabulary.rows_of_ids(item_id(number) for number in numbers_in("Tea")))
    assert kept.rows.tolist() == expected
    assert np.flatnonzero(kept.mask).tolist() == expected
    assert np.array_equal(kept.vectors, tiny_release.items.embeddings[expected].astype(np.float32))
    assert not kept.is_exhaustive


def test_a_plan_is_made_once_for_filters_that_differ_in_named_items_only(filters: Filters) -> None:
    other = Filter(include_categories=("Tea",), exclude_item_ids=("a",), exclude_seen=True)
    assert filters.plan(TEA) is filters.plan(other)


def test_the_cache_is_bounded_and_forgets_what_was_not_asked_for_longest(filters: Filters) -> None:
    first = filters.plan(TEA)
    second = filters.plan(Filter(price=PriceRange(0.5)))
    for low in range(1, CACHED_FILTERS):
        filters.plan(Filter(price=PriceRange(float(low))))
        assert filters.plan(TEA) is first
    assert filters.plan(Filter(price=PriceRange(0.5))) is not second


def test_a_search_finds_the_nearest_kept_items_and_no_others(filters: Filters, tiny_release: Release) -> None:
    kept = filters.plan(TEA)
    assert kept is not None
    query = tiny_release.items.embeddings[5].astype(np.float32)
    found = kept.search(query[None], 7)
    similar = tiny_release.items.embeddings.astype(np.float32) @ query
    assert found.rows[0].tolist() == sorted(kept.rows.tolist(), key=lambda row: -similar[row])[:7]
    assert np.allclose(found.scores, similar[found.rows])


def test_a_search_for_more_than_is_kept_gives_what_is_kept(filters: Filters) -> None:
    kept = filters.plan(TEA)
    assert kept is not None
    assert len(kept.search(np.zeros((1, 16), np.float32), 1000).rows[0].nonzero()[0]) == len(numbers_in("Tea"))


def test_a_filter_that_leaves_nothing_finds_nothing(filters: Filters) -> None:
    kept = filters.plan(Filter(include_categories=("Cars",)))
    assert kept is not None
    assert not kept.search(np.zeros((1, 16), np.float32), 10).rows.any()


def test_a_callers_own_candidates_are_all_wanted_each_once(filters: Filters) -> None:
    kept = filters.only(np.array([9, 4, 9], np.int32))
    assert kept.rows.tolist() == [4, 9]
    assert kept.is_exhaustive


def test_the_cache_is_bounded_in_bytes(filters: Filters, monkeypatch: pytest.MonkeyPatch) -> None:
    first = filters.plan(TEA)
    assert first is not None
    monkeypatch.setattr(filters_module, "CACHED_BYTES", first.size_bytes)
    filters.plan(Filter(price=PriceRange(0.5)))
    assert filters.plan(TEA) is not first


def test_what_a_bitmap_keeps_is_what_it_was_made_of(filters: Filters, tiny_release: Release) -> None:
    kept = filters.plan(TEA)
    assert kept is not None
    read = Bitmaps(tiny_release.items.embeddings).plan(bitmap_of(kept))
    assert read is not None
    assert np.array_equal(read.mask, kept.mask)
