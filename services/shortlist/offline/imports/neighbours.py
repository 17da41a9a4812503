"""Neighbour lists of an import: those that come with it, or each item's nearest by its embedding."""

from pathlib import Path

import faiss
import numpy as np
import polars as pl

from shortlist.core.arrays import F16, I32
from shortlist.core.types import FIRST_ITEM_ROW, PADDING_ROW
from shortlist.offline.datasets.raw_table import read_table
from shortlist.offline.imports.tables import ids, refuse, require
from shortlist.offline.trending_lists import NEIGHBOURS
from shortlist.release.vocabulary import Vocabulary


def nearest(embeddings: F16) -> tuple[I32, F16]:
    """Find each item's nearest others by cosine, exactly; FAISS compares in blocks.

    The time grows with the square of the items: on two cores 5 s for 20,000 of 64 dimensions, 22 s for 50,000.

    Args:
        embeddings: (R, D), of any length; an item without a vector has no neighbours.

    Returns:
        (R, K) int32 rows, nearest first, and float16 cosines above 0; 0 pads both.
    """
    vectors = embeddings[FIRST_ITEM_ROW:].astype(np.float32)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    index = faiss.IndexFlatIP(unit.shape[1])
    index.add(unit)
    cosines, places = index.search(unit, min(NEIGHBOURS + 1, len(unit)))
    # An item is not its own neighbour; among equal vectors it need not come first.
    cosines[places == np.arange(len(unit))[:, None]] = 0.0
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :NEIGHBOURS]
    weights = np.zeros((len(embeddings), order.shape[1]), np.float16)
    weights[FIRST_ITEM_ROW:] = np.clip(np.take_along_axis(cosines, order, axis=1), 0.0, 1.0)
    rows = np.zeros(weights.shape, np.int32)
    rows[FIRST_ITEM_ROW:] = np.take_along_axis(places, order, axis=1) + FIRST_ITEM_ROW
    return np.where(weights > 0, rows, PADDING_ROW), weights


def read_neighbours(path: Path, vocabulary: Vocabulary) -> tuple[I32, F16]:
    """Read pairs (id, neighbour, weight) and keep the strongest of each item, as `nearest` gives them.

    Raises:
        InputError: one sentence that names file, column and row.
    """
    table = read_table(path)
    require(table, "id", "neighbour", "weight")
    pairs = {column: vocabulary.rows_of_ids(ids(table, column)) for column in ("id", "neighbour")}
    for column, rows in pairs.items():
        refuse(table, column, rows < FIRST_ITEM_ROW, "is not among the items")
    refuse(table, "neighbour", pairs["id"] == pairs["neighbour"], "is the item itself")
    listed = pl.DataFrame({**pairs, "weight": table.numbers("weight").fill_null(0.0).cast(pl.Float32)})
    refuse(table, "neighbour", ~listed.select("id", "neighbour").to_struct().is_first_distinct(), "repeats")
    with np.errstate(over="ignore"):
        halves = listed["weight"].to_numpy().astype(np.float16)
    refuse(table, "weight", ~((halves > 0) & np.isfinite(halves)), "is not above 0 in float16")
    strongest = (
        listed.sort("id", "weight", descending=[False, True], maintain_order=True)
        .with_columns(place=pl.int_range(pl.len()).over("id"))
        .filter(pl.col("place") < NEIGHBOURS)
    )
    at = (strongest["id"].to_numpy(), strongest["place"].to_numpy())
    rows = np.zeros((vocabulary.row_count, NEIGHBOURS), np.int32)
    weights = np.zeros(rows.shape, np.float16)
    rows[at], weights[at] = strongest["neighbour"].to_numpy(), strongest["weight"].to_numpy()
    return rows, weights
