"""The catalogue of a release out of the log's item table."""

import numpy as np
import polars as pl

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.release.catalogue import Catalogue
from shortlist.release.strings import StringTable
from shortlist.release.vocabulary import Vocabulary


def catalogue_of(items: pl.DataFrame, vocabulary: Vocabulary) -> Catalogue:
    """Put the items of `ITEM_SCHEMA` into row order."""
    ordered = pl.DataFrame({"item": list(vocabulary.ids)}).join(items, on="item", how="left", maintain_order="left")
    lists = [names or [] for names in ordered["categories"].to_list()]
    names = sorted({name for listed in lists for name in listed})
    numbers = {name: number for number, name in enumerate(names, 1)}
    levels = max((len(listed) for listed in lists), default=0)
    categories = np.zeros((vocabulary.row_count, levels), np.int32)
    for row, listed in enumerate(lists, FIRST_ITEM_ROW):
        categories[row, : len(listed)] = [numbers[name] for name in listed]
    prices = np.full(vocabulary.row_count, np.nan, np.float32)
    prices[FIRST_ITEM_ROW:] = ordered["price"].cast(pl.Float32).fill_null(float("nan")).to_numpy()
    titles = [""] * FIRST_ITEM_ROW + [title or "" for title in ordered["title"]]
    return Catalogue(StringTable.pack(titles), StringTable.pack(["", *names]), categories, prices)
