"""What the live catalogue changes of item columns: the price, its rank in the category, and attributes by name."""

import numpy as np

from shortlist.core.arrays import F32, Bool
from shortlist.release.bundle import Release
from shortlist.v1 import catalog_pb2

_PRICE, _RANK = "log_price", "price_rank_in_category"


class LiveColumns:
    """Writes item columns as training computes them (offline/columns.py).

    There what was not sold has zeros, prices included, so that prices are written for what was sold alone. A column of
    another name is written by the numeric attribute of that name, for any item.
    """

    def __init__(self, release: Release) -> None:
        names = release.manifest.features.item_columns
        self._places = {name: place for place, name in enumerate(names)}
        self._is_sold: Bool = np.asarray(release.items.columns.any(axis=1))
        self._prices, self._categories = release.catalogue.prices, release.catalogue.categories
        self._ordered: dict[int, F32] = {}

    def write(self, columns: F32, row: int, category: int, item: catalog_pb2.Item) -> None:
        """Write an item's columns.

        Args:
            columns: (R, C) float32.
            row: The item's.
            category: Number of its most general category, 0: none.
            item: What is known of it.
        """
        if item.HasField("price") and self._is_sold[row]:
            if _PRICE in self._places:
                columns[row, self._places[_PRICE]] = np.log1p(item.price)
            if _RANK in self._places:
                columns[row, self._places[_RANK]] = self._rank(category, item.price)
        for attribute in item.attributes:
            if attribute.WhichOneof("value") == "number" and attribute.name in self._places:
                columns[row, self._places[attribute.name]] = attribute.number

    def _rank(self, category: int, price: float) -> float:
        """Tell which share of the release's items of a category costs less, those that cost the same half."""
        ordered = self._ordered.get(category)
        if ordered is None:
            inside = self._categories[:, 0] == category if self._categories.shape[1] else slice(None)
            prices = self._prices[inside]
            ordered = self._ordered[category] = np.sort(prices[np.isfinite(prices)])
        if not len(ordered):
            return 0.5
        return float(np.searchsorted(ordered, price, "left") + np.searchsorted(ordered, price, "right")) / (
            2 * len(ordered)
        )
