import numpy as np
import pytest

from shortlist.core.types import Query
from shortlist.gateway.fallback import Fallback
from shortlist.release.bundle import Release
from shortlist.retrieval.filters import Filters

POPULAR = np.array([9, 4, 7, 12], np.int32)
NOTHING = np.zeros(0, np.int32)


@pytest.fixture
def fallback() -> Fallback:
    """Fall back on four items."""
    return Fallback(POPULAR, ["tower", "popular"])


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


def test_a_release_without_a_popular_source_still_has_its_list() -> None:
    slate = Fallback(POPULAR, ["tower"]).slate(Query("ann", 2), NOTHING, None)
    assert slate.rows.tolist() == [9, 4]
    assert not slate.source_ranks.any()
