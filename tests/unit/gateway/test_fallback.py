import numpy as np
import pytest

from shortlist.core.types import Filter, Query
from shortlist.gateway.fallback import Fallback
from shortlist.release.bundle import Release
from shortlist.retrieval.filters import Filters
from support.row_rules import rules_over
from support.tiny_release import ITEMS, category_of

POPULAR = np.array([9, 4, 7, 12], np.int32)
NOTHING = np.zeros(0, np.int32)
ROWS = ITEMS + 2


@pytest.fixture
def fallback(tiny_release: Release) -> Fallback:
    """Fall back on four items."""
    return Fallback(POPULAR, ["tower", "popular"], tiny_release.directions)


@pytest.fixture
def filters(tiny_release: Release) -> Filters:
    """Plan filters over the tiny release."""
    return Filters(tiny_release.catalogue, tiny_release.items.embeddings)


def test_the_popular_items_come_in_their_order_up_to_the_limit(fallback: Fallback) -> None:
    assert fallback.slate(Query("ann", 3), NOTHING, None).rows.tolist() == [9, 4, 7]


def test_more_than_there_is_gives_what_there_is(fallback: Fallback) -> None:
    assert fallback.slate(Query("ann", 100), NOTHING, None).rows.tolist() == POPULAR.tolist()


def test_excluded_items_make_room_for_the_next(fallback: Fallback) -> None:
    assert fallback.slate(Query("ann", 2), np.array([9, 0], np.int32), None).rows.tolist() == [4, 7]


def test_a_filter_counts(fallback: Fallback, filters: Filters) -> None:
    condition = filters.only(np.array([7, 4], np.int32))
    assert fallback.slate(Query("ann", 10), NOTHING, condition).rows.tolist()[:2] == [4, 7]


def test_a_callers_own_candidates_follow_the_popular_ones(fallback: Fallback, filters: Filters) -> None:
    own = filters.only(np.array([3, 7, 99], np.int32))
    assert fallback.slate(Query("ann", 10), NOTHING, own).rows.tolist() == [7, 3, 99]


def test_the_items_name_the_popular_source(fallback: Fallback) -> None:
    assert fallback.slate(Query("ann", 2), NOTHING, None).source_ranks.tolist() == [[0, 1], [0, 2]]


def test_a_release_without_a_popular_source_still_has_its_list(tiny_release: Release) -> None:
    slate = Fallback(POPULAR, ["tower"], tiny_release.directions).slate(Query("ann", 2), NOTHING, None)
    assert slate.rows.tolist() == [9, 4]
    assert not slate.source_ranks.any()


@pytest.mark.parametrize(("row", "listed"), [(99, [9, 99, 4, 7]), (12, [9, 12, 4, 7])])
def test_a_pinned_item_stands_at_its_place(fallback: Fallback, row: int, listed: list[int]) -> None:
    assert fallback.slate(Query("ann", 4), NOTHING, None, rules_over(ROWS, pins={row: 1})).rows.tolist() == listed


def test_an_item_keeps_the_rank_that_it_has_on_the_list(fallback: Fallback) -> None:
    slate = fallback.slate(Query("ann", 3), NOTHING, None, rules_over(ROWS, pins={12: 1}))
    assert slate.source_ranks[:, 1].tolist() == [1, 4, 2]
    assert slate.scores.tolist() == [1.0, 0.25, 0.5]


def test_a_pinned_item_that_is_not_on_the_list_names_no_source(fallback: Fallback) -> None:
    slate = fallback.slate(Query("ann", 3), NOTHING, None, rules_over(ROWS, pins={99: 1}))
    assert slate.source_ranks.tolist() == [[0, 1], [0, 0], [0, 2]]
    assert slate.scores.tolist() == [1.0, 0.0, 0.5]


def test_a_pinned_item_that_the_request_excludes_does_not_appear(fallback: Fallback, filters: Filters) -> None:
    rules = rules_over(ROWS, pins={99: 0})
    assert 99 not in fallback.slate(Query("ann", 10), np.array([99], np.int32), None, rules).rows
    tea = filters.plan(Filter(include_categories=("Tea",)))
    assert category_of(99 - 2) != "Tea"
    assert 99 not in fallback.slate(Query("ann", 10), NOTHING, tea, rules).rows


def test_diversity_counts(fallback: Fallback, tiny_release: Release) -> None:
    slate = fallback.slate(Query("ann", 4, diversity=1.0), NOTHING, None)
    vectors = tiny_release.directions(POPULAR)
    farthest = POPULAR[np.argmin(vectors @ vectors[0])]
    assert slate.rows.tolist()[:2] == [9, farthest]
    assert sorted(slate.rows.tolist()) == sorted(POPULAR.tolist())
