"""Filters through the whole pipeline: exact in the answer."""

import pytest

from shortlist.core.types import FIRST_ITEM_ROW, Filter, PriceRange, Query
from support.ann import BOUGHT, LAMPS, SESSION, numbers
from support.pipelines import (
    Kitchen,
)
from support.tiny_release import (
    CANDIDATES,
    UNPRICED,
    item_id,
    numbers_in,
)


def _rows_in(place: Kitchen, category: str) -> list[int]:
    """List the rows of a category, ascending."""
    wanted = [item_id(number) for number in numbers_in(category)]
    return sorted(place.release.vocabulary.rows_of_ids(wanted).tolist())


class TestFilters:
    """What may appear."""

    def test_a_limit_larger_than_the_candidates_gives_fewer_items_and_no_padding(self, whole: Kitchen) -> None:
        slate = whole.one(Query("ann", 200))
        assert 0 < len(slate.rows) <= CANDIDATES
        assert slate.rows.min() >= FIRST_ITEM_ROW

    def test_a_limit_larger_than_what_a_filter_keeps_gives_what_it_keeps(self, whole: Kitchen) -> None:
        condition = Filter(include_categories=("Tea",), price=PriceRange(0.0, 10.0), exclude_seen=False)
        slate = whole.one(Query("ann", 200, condition))
        kept = [row for row in _rows_in(whole, "Tea") if whole.release.catalogue.prices[row] <= 10.0]
        assert sorted(slate.rows.tolist()) == kept

    @pytest.mark.parametrize("user", ["ann", "nobody"])
    def test_a_filter_that_leaves_nothing_gives_an_empty_list(self, whole: Kitchen, user: str) -> None:
        slate = whole.one(Query(user, 10, Filter(include_categories=("Cars",))))
        assert slate.rows.tolist() == []
        assert slate.degraded == ()

    @pytest.mark.parametrize("user", ["ann", "nobody"])
    @pytest.mark.parametrize(
        "condition",
        [
            Filter(include_categories=("Tea", "Home")),
            Filter(exclude_categories=("Lamps",)),
            Filter(price=PriceRange(5.0, 15.0)),
            Filter(include_categories=("Food",), exclude_categories=("Tea",), price=PriceRange(low=10.0)),
        ],
    )
    def test_categories_and_prices_are_exact(self, whole: Kitchen, user: str, condition: Filter) -> None:
        slate = whole.one(Query(user, 200, condition))
        assert len(slate.rows) > 0
        assert whole.release.catalogue.allowed(condition)[slate.rows].all()

    def test_an_item_without_a_price_is_in_no_price_range(self, whole: Kitchen) -> None:
        slate = whole.one(Query("ann", 200, Filter(price=PriceRange())))
        assert not set(numbers(whole, slate.rows)) & set(UNPRICED)

    @pytest.mark.parametrize("user", ["ann", "nobody"])
    def test_an_item_that_the_caller_excludes_does_not_appear(self, whole: Kitchen, user: str) -> None:
        first = whole.ids(whole.one(Query(user, 3)))
        rest = whole.ids(whole.one(Query(user, 200, Filter(exclude_item_ids=tuple(first)))))
        assert rest
        assert not set(first) & set(rest)

    def test_what_was_bought_does_not_appear_unless_asked_for(self, whole: Kitchen) -> None:
        bought = {item_id(number) for number in BOUGHT}
        assert not bought & set(whole.ids(whole.one(Query("ann", 200, Filter(exclude_seen=True)))))
        assert bought <= set(whole.ids(whole.one(Query("ann", 200, Filter(exclude_seen=False)))))

    def test_unless_told_seen_items_are_treated_as_the_release_says(self, whole: Kitchen) -> None:
        assert whole.release.manifest.exclude_seen
        unsaid, said = Query("ann", 50), Query("ann", 50, Filter(exclude_seen=True))
        assert whole.ids(whole.one(unsaid)) == whole.ids(whole.one(said))

    def test_what_the_session_holds_counts_as_seen(self, whole: Kitchen) -> None:
        slate = whole.one(Query("nobody", 200, session_item_ids=SESSION))
        assert not set(SESSION) & set(whole.ids(slate))

    def test_many_exclusions_still_leave_a_full_list(self, whole: Kitchen) -> None:
        excluded = tuple(item_id(number) for number in LAMPS + numbers_in("Garden"))
        slate = whole.one(Query("ann", 20, Filter(exclude_item_ids=excluded)))
        assert len(slate.rows) == 20
