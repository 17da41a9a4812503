"""What a release says of its items: titles, categories and prices, and the filters over them."""

from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import F32, I32, AnyArray, Bool
from shortlist.core.types import FIRST_ITEM_ROW, Filter
from shortlist.release.strings import StringTable

_ALL = slice(None)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Item attributes by row (R rows, of which 0 and 1 are empty).

    Args:
        titles: R titles.
        category_names: Names of all categories; number 0 is "" and means none.
        categories: (R, levels) int32, numbers of an item's categories from general to special, 0 pads.
        prices: (R,) float32, NaN where an item has none.
    """

    titles: StringTable
    category_names: StringTable
    categories: I32
    prices: F32

    def categories_of(self, row: int) -> list[str]:
        """Name an item's categories from general to special."""
        return [self.category_names[number] for number in self.categories[row] if number]

    def allowed(self, condition: Filter, rows: I32 | slice = _ALL) -> Bool:
        """Mark which of (n,) rows a filter's categories and price range keep, as (n,) bool."""
        is_item: Bool = np.greater_equal(np.arange(len(self.prices))[rows], FIRST_ITEM_ROW)
        conditions = [is_item]
        categories, prices = self.categories[rows], self.prices[rows]
        if condition.include_categories:
            conditions.append(self._are_in(categories, condition.include_categories))
        if condition.exclude_categories:
            conditions.append(~self._are_in(categories, condition.exclude_categories))
        if condition.price is not None:
            # A NaN price compares false: an item without a price is dropped.
            conditions.append(np.greater_equal(prices, condition.price.low))
            conditions.append(np.less_equal(prices, condition.price.high))
        return np.asarray(np.logical_and.reduce(conditions))

    def _are_in(self, categories: I32, names: tuple[str, ...]) -> Bool:
        wanted = [number for number, name in enumerate(self.category_names) if number and name in names]
        return np.asarray(np.isin(categories, wanted).any(axis=1))

    def arrays(self) -> dict[str, AnyArray]:
        """Name the arrays for an npz file."""
        return {
            **self.titles.arrays("title"),
            **self.category_names.arrays("category_name"),
            "categories": self.categories,
            "prices": self.prices,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, AnyArray]) -> "Catalogue":
        """Read what `arrays` named; KeyError or ValueError where it does not fit together."""
        titles = StringTable.from_arrays("title", arrays)
        names = StringTable.from_arrays("category_name", arrays)
        categories, prices = arrays["categories"], arrays["prices"]
        if not len(titles) == len(categories) == len(prices):
            raise ValueError("catalogue is inconsistent")
        if not 0 <= categories.min(initial=0) <= categories.max(initial=0) < len(names):
            raise ValueError("catalogue is inconsistent")
        return cls(titles, names, categories, prices)
