"""The catalogue of a release, and the texts of its items, out of the log's item table."""

import numpy as np
import polars as pl

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.release.catalogue import Catalogue
from shortlist.release.strings import StringTable
from shortlist.release.vocabulary import Vocabulary


def catalogue_of(items: pl.DataFrame, vocabulary: Vocabulary) -> Catalogue:
    """Put the items of `ITEM_SCHEMA` into row order."""
    ordered = _in_row_order(items, vocabulary)
    listed = (
        ordered.select(pl.int_range(pl.len()).alias("place"), name="categories")
        .explode("name", empty_as_null=False)
        .drop_nulls()
        .with_columns(level=pl.int_range(pl.len()).over("place"))
    )
    names = listed["name"].unique().sort()
    levels = listed["level"].to_numpy()
    categories = np.zeros((vocabulary.row_count, levels.max(initial=-1) + 1), np.int32)
    categories[listed["place"].to_numpy() + FIRST_ITEM_ROW, levels] = names.search_sorted(listed["name"]).to_numpy() + 1
    prices = np.full(vocabulary.row_count, np.nan, np.float32)
    prices[FIRST_ITEM_ROW:] = ordered["price"].cast(pl.Float32).fill_null(float("nan")).to_numpy()
    titles = [""] * FIRST_ITEM_ROW + [title or "" for title in ordered["title"]]
    return Catalogue(StringTable.pack(titles), StringTable.pack(["", *names]), categories, prices)


def texts_of(items: pl.DataFrame, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Put title and text of `ITEM_SCHEMA` together, in row order."""
    texts = _in_row_order(items, vocabulary).select(
        pl.concat_str("title", "text", separator=" ", ignore_nulls=True).fill_null("")
    )
    return ("",) * FIRST_ITEM_ROW + tuple(texts.to_series())


def _in_row_order(items: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    return pl.DataFrame({"item": list(vocabulary.ids)}).join(items, on="item", how="left", maintain_order="left")
