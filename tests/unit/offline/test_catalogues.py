import numpy as np
import polars as pl

from shortlist.offline.catalogues import catalogue_of
from shortlist.offline.log import as_items
from shortlist.release.catalogue import Catalogue
from shortlist.release.vocabulary import Vocabulary


def _catalogue(order: list[str], **columns: list[object]) -> Catalogue:
    return catalogue_of(as_items(pl.DataFrame(columns, strict=False)), Vocabulary.build(order))


def test_items_stand_in_row_order_behind_two_empty_rows() -> None:
    catalogue = _catalogue(
        ["b", "a"], item=["a", "b"], title=["A", "B"], categories=[["Tea", "Green"], ["Lamps"]], price=[1.5, None]
    )
    assert list(catalogue.titles) == ["", "", "B", "A"]
    assert list(catalogue.category_names) == ["", "Green", "Lamps", "Tea"]
    assert catalogue.categories.tolist() == [[0, 0], [0, 0], [2, 0], [3, 1]]
    np.testing.assert_array_equal(catalogue.prices, np.array([np.nan, np.nan, np.nan, 1.5], np.float32))
    assert catalogue.categories_of(3) == ["Tea", "Green"]


def test_an_item_without_categories_or_unknown_to_the_table_has_none() -> None:
    catalogue = _catalogue(["x", "a", "b"], item=["a", "b"], title=["A", None], categories=[[], ["Tea"]])
    assert list(catalogue.titles) == ["", "", "", "A", ""]
    assert catalogue.categories.tolist() == [[0], [0], [0], [0], [1]]


def test_where_no_item_has_a_category_there_are_no_levels() -> None:
    catalogue = _catalogue(["a"], item=["a"], title=["A"])
    assert catalogue.categories.shape == (3, 0)
    assert list(catalogue.category_names) == [""]
