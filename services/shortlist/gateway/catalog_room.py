"""Room in a release for items that came after it: rows behind its own, so that whatever a row indexes holds them.

The room's part of the embeddings, of the ids and of the stand-ins is written row by row, each before anybody hears of
the row; all else of a release stays as it is, or is replaced as a whole.
"""

from dataclasses import replace

import numpy as np

from shortlist.core.arrays import I64, AnyArray
from shortlist.gateway.requests import MAX_ID_BYTES
from shortlist.release.bundle import ItemArrays, Release
from shortlist.release.strings import StringTable
from shortlist.release.vocabulary import Vocabulary


def with_room(release: Release, rows: int) -> Release:
    """Copy a release's arrays so that they have so many rows more, of items that nothing is known of."""
    items, catalogue, vocabulary = release.items, release.catalogue, release.vocabulary
    end = vocabulary.row_count
    return replace(
        release,
        vocabulary=Vocabulary(
            _longer(vocabulary.ids, rows, rows * MAX_ID_BYTES), vocabulary.sorted_keys, vocabulary.sorted_rows
        ),
        catalogue=replace(
            catalogue,
            titles=_longer(catalogue.titles, rows, 0),
            categories=_grown(catalogue.categories, end + rows),
            prices=_grown(catalogue.prices, end + rows, np.nan),
        ),
        items=ItemArrays(
            embeddings=_grown(items.embeddings, end + rows),
            columns=_grown(items.columns, end + rows),
            neighbour_rows=_grown(items.neighbour_rows, end + rows, axis=1),
            neighbour_weights=_grown(items.neighbour_weights, end + rows, axis=1),
            popular=items.popular,
        ),
    )


def write_id(ids: StringTable, place: int, item_id: str) -> None:
    """Write the id at the first place of a table that has none."""
    encoded = np.frombuffer(item_id.encode(), np.uint8)
    begin = int(ids.offsets[place])
    ids.utf8[begin : begin + len(encoded)] = encoded
    ids.offsets[place + 1] = begin + len(encoded)


def _longer(strings: StringTable, places: int, size_bytes: int) -> StringTable:
    offsets: I64 = np.concatenate([strings.offsets, np.full(places, strings.offsets[-1])])
    utf8 = np.zeros(len(strings.utf8) + size_bytes, np.uint8)
    utf8[: len(strings.utf8)] = strings.utf8
    return StringTable(offsets, utf8)


def _grown(array: AnyArray, rows: int, value: float = 0, axis: int = 0) -> AnyArray:
    shape = list(array.shape)
    shape[axis] = rows
    # Of zeros the system gives memory where they are written, and room that is not used takes none.
    grown = np.zeros(shape, array.dtype) if value == 0 else np.full(shape, value, array.dtype)
    grown[(slice(None),) * axis + (slice(array.shape[axis]),)] = array
    return grown
