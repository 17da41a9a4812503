"""Where an item that came after the release is placed, and by which of its items the models know it."""

from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import F32, I32
from shortlist.core.types import FIRST_ITEM_ROW, UNKNOWN_ROW
from shortlist.features.content import ContentMap
from shortlist.release.bundle import Release
from shortlist.v1 import catalog_pb2


class Placing:
    """Places items by their content over one release.

    A release without a map of content, as an imported one, has the mean of the items that share the categories.

    A ranker of our own knows items by their categories (ADR 9), so that an item with the same ones stands in for a new
    one exactly; what a ranker from elsewhere knows is not known, and new items are its unknown row.
    """

    def __init__(self, release: Release) -> None:
        manifest = release.manifest
        self._content = ContentMap.from_arrays(release.content_arrays()) if manifest.has_content_map else None
        self._categories = release.catalogue.categories[: manifest.item_count + FIRST_ITEM_ROW]
        self._embeddings = release.items.embeddings
        self._known = len(release.catalogue.category_names)
        # Places of the categories' array, those of one category together.
        self._ordered = np.argsort(self._categories, axis=None, kind="stable")
        self._ends = np.cumsum(np.bincount(self._categories.ravel(), minlength=self._known))
        self._means: dict[int, F32] = {}
        self._stand_ins: dict[bytes, int] = {}
        if self._content is not None:
            combinations, first = np.unique(self._categories[FIRST_ITEM_ROW:], axis=0, return_index=True)
            rows = (first + FIRST_ITEM_ROW).tolist()
            self._stand_ins = {each.tobytes(): row for each, row in zip(combinations, rows, strict=True)}

    def embed(self, items: Sequence[catalog_pb2.Item], categories: I32) -> F32:
        """Place n items: (n, D) float32, by their own embeddings where they have some.

        Args:
            items: Checked.
            categories: (n, levels) int32, numbers of the live catalogue.
        """
        known = self._of_release(categories)
        if self._content is None:
            placed = np.stack([self._mean_of(own) for own in known])
        else:
            placed = self._content.embed([text_of(item) for item in items], known)
        for place, item in enumerate(items):
            if item.embedding:
                placed[place] = item.embedding
        return placed

    def stand_ins(self, categories: I32) -> list[int]:
        """Find the rows of the release that have the categories of n items; row 1 where none has."""
        return [self._stand_ins.get(own.tobytes(), UNKNOWN_ROW) for own in self._of_release(categories)]

    def _of_release(self, categories: I32) -> I32:
        """Take the levels that the release has, without the categories that it has not."""
        levels = categories[:, : self._categories.shape[1]]
        return np.ascontiguousarray(np.where(levels < self._known, levels, 0), np.int32)

    def _mean_of(self, categories: I32) -> F32:
        """Average the items of the most special category that the release knows; 0 where there is none."""
        for category in categories[categories > 0][::-1].tolist():
            mean = self._means.get(category)
            if mean is None:
                rows = self._ordered[self._ends[category - 1] : self._ends[category]] // self._categories.shape[1]
                mean = self._means[category] = self._embeddings[rows].astype(np.float32).mean(axis=0)
            return mean
        return np.zeros(self._embeddings.shape[1], np.float32)


def text_of(item: catalog_pb2.Item) -> str:
    """Join what training reads of an item: its title, and the texts among its attributes."""
    return " ".join([item.title, *(each.text for each in item.attributes if each.WhichOneof("value") == "text")])
