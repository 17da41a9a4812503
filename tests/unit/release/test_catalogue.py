import numpy as np
import pytest

from shortlist.core.types import Filter, PriceRange
from shortlist.release.catalogue import Catalogue
from shortlist.release.strings import StringTable

GREEN, LAMP, FREE = 2, 3, 4


@pytest.fixture
def catalogue() -> Catalogue:
    """Describe three items: a green tea of 4.50, a lamp of 20, and one without price or category."""
    return Catalogue(
        StringTable.pack(["", "", "Green tea", "Lamp", "Sample"]),
        StringTable.pack(["", "Food", "Tea", "Home"]),
        np.array([[0, 0], [0, 0], [1, 2], [3, 0], [0, 0]], np.int32),
        np.array([np.nan, np.nan, 4.5, 20.0, np.nan], np.float32),
    )


def kept(catalogue: Catalogue, condition: Filter) -> list[int]:
    """List the rows that a filter keeps."""
    rows: list[int] = np.flatnonzero(catalogue.allowed(condition)).tolist()
    return rows


def test_categories_are_named_from_general_to_special(catalogue: Catalogue) -> None:
    assert catalogue.categories_of(GREEN) == ["Food", "Tea"]
    assert catalogue.categories_of(LAMP) == ["Home"]
    assert catalogue.categories_of(FREE) == []


def test_no_condition_keeps_every_item_and_neither_padding_nor_unknown(catalogue: Catalogue) -> None:
    assert kept(catalogue, Filter()) == [GREEN, LAMP, FREE]


def test_any_of_the_included_categories_is_enough(catalogue: Catalogue) -> None:
    assert kept(catalogue, Filter(include_categories=("Tea", "Home"))) == [GREEN, LAMP]


def test_an_item_without_category_survives_an_exclusion(catalogue: Catalogue) -> None:
    assert kept(catalogue, Filter(exclude_categories=("Food",))) == [LAMP, FREE]


def test_a_category_that_nobody_has_keeps_nothing(catalogue: Catalogue) -> None:
    assert kept(catalogue, Filter(include_categories=("Cars",))) == []


def test_the_empty_category_means_none_and_is_never_met(catalogue: Catalogue) -> None:
    assert kept(catalogue, Filter(include_categories=("",))) == []


def test_both_ends_of_a_price_range_belong_to_it(catalogue: Catalogue) -> None:
    assert kept(catalogue, Filter(price=PriceRange(4.5, 20.0))) == [GREEN, LAMP]


def test_an_item_without_a_price_is_in_no_price_range(catalogue: Catalogue) -> None:
    assert kept(catalogue, Filter(price=PriceRange())) == [GREEN, LAMP]


def test_conditions_are_combined_with_and(catalogue: Catalogue) -> None:
    assert kept(catalogue, Filter(include_categories=("Food", "Home"), price=PriceRange(5.0))) == [LAMP]


@pytest.mark.parametrize("number", [4, -1])
def test_a_category_number_without_a_name_is_refused(catalogue: Catalogue, number: int) -> None:
    arrays = catalogue.arrays()
    arrays["categories"] = np.full_like(arrays["categories"], number)
    with pytest.raises(ValueError, match="catalogue"):
        Catalogue.from_arrays(arrays)


def test_a_title_too_few_is_refused(catalogue: Catalogue) -> None:
    arrays = catalogue.arrays() | StringTable.pack(["", ""]).arrays("title")
    with pytest.raises(ValueError, match="catalogue"):
        Catalogue.from_arrays(arrays)
