"""The items of an import: ids, embeddings, and what else is known of them.

Item i of the file has row i + 2 in every tensor: models that look at rows were trained with this order.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from shortlist.core.arrays import F16, F32, I32
from shortlist.core.errors import InputError
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.catalogues import catalogue_of
from shortlist.offline.columns import POPULAR_LENGTH
from shortlist.offline.datasets.kinds import names
from shortlist.offline.datasets.raw_table import RawTable, read_table
from shortlist.offline.imports.embeddings import EMBEDDING, by_row, length_notes, read_column, read_matrix
from shortlist.offline.imports.tables import existing, ids, refuse, require
from shortlist.offline.log import ITEM_SCHEMA
from shortlist.release.catalogue import Catalogue
from shortlist.release.vocabulary import Vocabulary

ATTRIBUTES = ("id", EMBEDDING, "title", "categories", "price", "popularity")
"""Columns with a meaning of their own; every other is an item column of `candidate_dense`."""


@dataclass(frozen=True, slots=True)
class OwnItems:
    """Items by row (R rows), padding and unknown included.

    Args:
        vocabulary: Ids in the order of the file.
        catalogue: Titles, categories and prices, empty where the file has none.
        embeddings: (R, D) float16.
        column_names: Item columns in the order of the file.
        columns: (R, C) float32, 0 where the file is empty.
        popular: (P,) int32, by popularity, else in the order of the file.
        notes: What was assumed where the file is silent.
    """

    vocabulary: Vocabulary
    catalogue: Catalogue
    embeddings: F16
    column_names: tuple[str, ...]
    columns: F32
    popular: I32
    notes: tuple[str, ...]


def read_items(path: Path, ids_path: Path | None = None) -> OwnItems:
    """Read items from one table with a column `embedding`, or from an .npy matrix and the ids of its rows.

    Args:
        path: A .parquet table, or .npy (items, D).
        ids_path: With .npy: a .txt of one id a line, a .json list, or a table with the other columns.

    Raises:
        InputError: one sentence that names file, column and row.
    """
    if path.suffix == ".npy":
        if ids_path is None:
            raise InputError(f"{path}: an .npy file needs --ids, a file with the id of each of its rows")
        table, source = _ids_table(ids_path), str(path)
        vectors = read_matrix(path, table)
    else:
        if ids_path is not None:
            raise InputError(f"{ids_path}: --ids goes with an .npy file; {path} holds its ids itself")
        table, source = read_table(path), f"{path}: column {EMBEDDING}"
        require(table, "id", EMBEDDING)
        vectors = read_column(table)
    item_ids = ids(table, "id")
    refuse(table, "id", ~item_ids.is_first_distinct(), "repeats")
    vocabulary = Vocabulary.build(item_ids)
    embeddings = by_row(vectors, item_ids, source)
    column_names = tuple(name for name in table.rows.columns if name not in ATTRIBUTES)
    columns, column_notes = _columns(table, column_names)
    popular, popular_notes = _popular(table)
    notes = (*length_notes(embeddings), *column_notes, *popular_notes)
    catalogue = _catalogue(table, item_ids, vocabulary)
    return OwnItems(vocabulary, catalogue, embeddings, column_names, columns, popular, notes)


def _ids_table(path: Path) -> RawTable:
    if path.suffix not in {".txt", ".json"}:
        table = read_table(path)
        require(table, "id")
        return table
    try:
        text = existing(path).read_text("utf-8-sig")
        listed = text.splitlines() if path.suffix == ".txt" else json.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not {path.suffix[1:]} in UTF-8 ({error})") from error
    if not isinstance(listed, list) or not listed or not all(isinstance(item, str) for item in listed):
        raise InputError(f"{path}: a list of texts is expected, at least one")
    return RawTable(str(path), pl.DataFrame({"id": listed}), first_row=1)


def _columns(table: RawTable, column_names: tuple[str, ...]) -> tuple[F32, tuple[str, ...]]:
    columns = np.zeros((len(table.rows) + FIRST_ITEM_ROW, len(column_names)), np.float32)
    notes = []
    for place, name in enumerate(column_names):
        values = _numbers(table, name)
        if empty := values.null_count():
            notes.append(f"item column {name} is empty for {empty:,} items: 0 there")
        columns[FIRST_ITEM_ROW:, place] = values.fill_null(0.0).to_numpy()
    return columns, tuple(notes)


def _numbers(table: RawTable, name: str) -> pl.Series:
    """Read a column as float64 within float32, null where it is empty."""
    dtype = table.rows[name].dtype
    if not dtype.is_numeric() and dtype != pl.String:
        raise InputError(
            f"{table.source}: column {name} holds {dtype}, expected numbers, "
            f"as in every column but {', '.join(ATTRIBUTES)}"
        )
    values = table.numbers(name)
    refuse(table, name, values.abs() > float(np.finfo(np.float32).max), "is beyond float32")
    return values


def _popular(table: RawTable) -> tuple[I32, tuple[str, ...]]:
    if "popularity" not in table.rows.columns:
        first = np.arange(FIRST_ITEM_ROW, FIRST_ITEM_ROW + min(len(table.rows), POPULAR_LENGTH), dtype=np.int32)
        return first, ("no column popularity: popular are the first items of the file",)
    values = _numbers(table, "popularity").fill_null(-np.inf).to_numpy()
    best = np.argsort(-values, kind="stable")[:POPULAR_LENGTH]
    return (best + FIRST_ITEM_ROW).astype(np.int32), ()


def _catalogue(table: RawTable, item_ids: pl.Series, vocabulary: Vocabulary) -> Catalogue:
    columns = table.rows.columns
    attributes = {
        "item": item_ids,
        "title": table.texts("title") if "title" in columns else None,
        "categories": _categories(table) if "categories" in columns else None,
        "price": _prices(table) if "price" in columns else None,
    }
    schema = {name: ITEM_SCHEMA[name] for name in attributes}
    return catalogue_of(pl.DataFrame(attributes, schema, strict=False), vocabulary)


def _prices(table: RawTable) -> pl.Series:
    values = _numbers(table, "price")
    refuse(table, "price", values < 0, "is below 0")
    return values


def _categories(table: RawTable) -> pl.Series:
    """Read categories from general to special; a column of texts holds one each."""
    dtype = table.rows["categories"].dtype
    if dtype not in {pl.String(), pl.List(pl.String)}:
        raise InputError(f"{table.source}: column categories holds {dtype}, expected text or lists of text")
    return table.rows.select(names(separator=None).read(pl.col("categories"), dtype)).to_series()
