"""The item embeddings of an import: a matrix or a column of lists, to what a release holds."""

from pathlib import Path

import numpy as np
import polars as pl

from shortlist.core.arrays import F16, AnyArray
from shortlist.core.errors import InputError
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.datasets.raw_table import RawTable
from shortlist.offline.imports.tables import existing, refuse

EMBEDDING = "embedding"
"""The column's name."""
_UNIT_TOLERANCE = 0.01  # float16 rounds a unit vector to within 0.0005


def read_matrix(path: Path, table: RawTable) -> AnyArray:
    """Read an .npy file of floats (items, D), as many as the table has ids.

    Raises:
        InputError: it is something else.
    """
    try:
        loaded = np.load(existing(path), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not a NumPy array ({error})") from error
    if not isinstance(loaded, np.ndarray) or loaded.ndim != 2 or loaded.dtype.kind != "f" or loaded.shape[1] == 0:
        found = f"{loaded.dtype} {loaded.shape}" if isinstance(loaded, np.ndarray) else "an archive"
        raise InputError(f"{path}: holds {found}, expected floats of shape (items, dimension)")
    if len(loaded) != len(table.rows):
        raise InputError(f"{path}: holds {len(loaded):,} embeddings, {table.source} {len(table.rows):,} ids")
    return loaded


def read_column(table: RawTable) -> AnyArray:
    """Read the table's column of lists, all of one length, as float32 (items, D).

    Raises:
        InputError: naming the first row of another length, or the column's type.
    """
    column = table.rows[EMBEDDING]
    if not isinstance(column.dtype, pl.List | pl.Array) or not pl.Series(dtype=column.dtype.inner).dtype.is_numeric():
        raise InputError(f"{table.source}: column {EMBEDDING} holds {column.dtype}, expected lists of numbers")
    lists = column.cast(pl.List(pl.Float32))
    lengths = lists.list.len().fill_null(0).to_numpy()
    dimension = int(lengths[0])
    refuse(table, EMBEDDING, lengths == 0, "is empty")
    refuse(table, EMBEDDING, lengths != dimension, f"has another length than {dimension}, that of the first row")
    return lists.explode().to_numpy().reshape(len(lists), dimension)


def by_row(vectors: AnyArray, item_ids: pl.Series, source: str) -> F16:
    """Round vectors to what a release holds: (R, D) float16, the rows of padding and unknown in front.

    Args:
        vectors: (items, D) floats.
        item_ids: Names the items.
        source: What errors call the vectors.

    Raises:
        InputError: naming the first item whose vector is not finite, or not in float16.
    """
    embeddings = np.zeros((len(vectors) + FIRST_ITEM_ROW, vectors.shape[1]), np.float16)
    with np.errstate(over="ignore"):
        embeddings[FIRST_ITEM_ROW:] = vectors
    wrong = np.flatnonzero(~np.isfinite(embeddings[FIRST_ITEM_ROW:]).all(axis=1))
    if len(wrong):
        raise InputError(
            f"{source}: the embedding of item {item_ids[int(wrong[0])]!r} "
            "has a value that is missing, not finite or beyond float16"
        )
    return embeddings


def length_notes(embeddings: F16) -> tuple[str, ...]:
    """Say what follows where vectors are not of unit length; an item without a vector, all 0, does not count."""
    lengths = np.linalg.norm(embeddings[FIRST_ITEM_ROW:].astype(np.float32), axis=1)
    held = lengths[lengths > 0]
    if not len(held) or np.abs(held - 1.0).max() <= _UNIT_TOLERANCE:
        return ()
    span = f"{held.min():.3g} to {held.max():.3g}"
    return (f"embeddings have lengths from {span}: the scores of similar items are inner products, not cosines",)
