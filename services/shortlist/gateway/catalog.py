"""The live catalogue in this process: what changes, as snapshots that batches take, and who still reads older ones."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from google.protobuf.message import DecodeError

from shortlist.core.arrays import F32, I32, Bool
from shortlist.core.keys import item_keys
from shortlist.core.types import FIRST_ITEM_ROW, UNKNOWN_ROW
from shortlist.features.catalog import GONE, Records
from shortlist.gateway.catalog_categories import LiveCategories
from shortlist.gateway.catalog_columns import LiveColumns
from shortlist.gateway.catalog_content import Placing
from shortlist.gateway.catalog_readers import Readers
from shortlist.gateway.catalog_room import write_id
from shortlist.gateway.catalog_shelf import Shelf
from shortlist.release.bundle import Release
from shortlist.release.vocabulary import Vocabulary
from shortlist.retrieval.filters import Filters
from shortlist.retrieval.kept import Kept
from shortlist.telemetry.catalogue import CatalogueMetrics
from shortlist.v1 import catalog_pb2

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Arrays:
    """What an item's row is changed in; copied for each snapshot, by `Shelf`'s names."""

    prices: F32
    categories: I32
    columns: F32
    is_deleted: Bool
    is_unavailable: Bool


class LiveCatalogue:
    """Applies changes on one thread, and gives the newest snapshot to any, without a lock.

    Args:
        release: With room for new items (`with_room`).
        metrics: Counts.
        readers: Of its snapshots.
    """

    def __init__(self, release: Release, metrics: CatalogueMetrics, readers: Readers) -> None:
        self._base, self._metrics, self._readers = release, metrics, readers
        self._first_new = release.manifest.item_count + FIRST_ITEM_ROW
        rows = release.vocabulary.row_count
        self._next = self._first_new
        self._end = rows
        self._placing, self._columns = Placing(release), LiveColumns(release)
        self._categories = LiveCategories(release.catalogue.category_names)
        self._stand_ins = np.arange(rows, dtype=np.int32)
        self._stand_ins[self._first_new :] = UNKNOWN_ROW
        self._is_changed = np.zeros(rows, np.bool_)
        nothing = np.zeros(rows, np.bool_)
        self._arrays = _Arrays(
            release.catalogue.prices, release.catalogue.categories, release.items.columns, nothing, nothing
        )
        is_gone = self._gone()
        filters = Filters(release.catalogue, release.items.embeddings, is_gone)
        self._shelf = Shelf(release, filters, is_gone, nothing, None, None, 0, 0)
        self._settled = (0, 0)  # version and sequence number

    def __call__(self) -> Shelf:
        """Give the newest snapshot."""
        return self._shelf

    @property
    def room(self) -> int:
        """How many new items more can be taken."""
        return self._end - self._next

    def has_changed(self, item_ids: Sequence[str]) -> bool:
        """Tell whether any of these items is not as the release has it."""
        rows = self._shelf.release.vocabulary.rows_of_ids(item_ids)
        return bool((self._is_changed[rows] | (rows < FIRST_ITEM_ROW)).any())

    @property
    def settled(self) -> int:
        """The sequence number that everybody who still reads has seen."""
        shelf = self._shelf
        if shelf.version > self._settled[0] and self._readers.oldest >= shelf.version:
            self._settled = (shelf.version, shelf.sequence)
        return min(self._settled[1], shelf.sequence)

    def apply(self, records: Records, sequence: int) -> None:
        """Take changes; every batch that begins from now on sees them."""
        before = self._shelf
        if not records:
            self._show(replace(before, sequence=sequence, version=before.version + 1))
            return
        with self._metrics.apply_seconds.time():
            self._apply(before, records, sequence)

    def _apply(self, before: Shelf, records: Records, sequence: int) -> None:
        vocabulary = self._with_new(before.release.vocabulary, records)
        listed = vocabulary.rows_of_ids(records).tolist()
        changed = {row: record for row, record in zip(listed, records.values(), strict=True) if row >= FIRST_ITEM_ROW}
        items = {row: item for row, record in changed.items() if record != GONE and (item := self._read(record))}
        categories = self._categories.numbers(items.values(), self._arrays.categories.shape[1])
        arrays = self._arrays = self._copied(categories.shape[1])
        for (row, item), own in zip(items.items(), categories, strict=True):
            arrays.prices[row] = item.price if item.HasField("price") else np.nan
            arrays.categories[row] = own
            arrays.is_unavailable[row] = item.HasField("available") and not item.available
            self._columns.write(arrays.columns, row, int(own[0]) if len(own) else 0, item)
        rows = np.fromiter(changed, np.int32, len(changed))
        arrays.is_deleted[rows] = [record == GONE for record in changed.values()]
        self._is_changed[rows] = True
        placed = self._place(items, categories)
        self._publish(before, vocabulary, rows, placed, sequence)

    def _publish(self, before: Shelf, vocabulary: Vocabulary, rows: I32, placed: I32, sequence: int) -> None:
        arrays, release = self._arrays, before.release
        is_gone = self._gone()
        catalogue = replace(
            release.catalogue,
            category_names=self._categories.names,
            categories=arrays.categories,
            prices=arrays.prices,
        )
        known = self._next - FIRST_ITEM_ROW
        gone = np.count_nonzero(is_gone[FIRST_ITEM_ROW : self._next])
        filters = before.filters.changed(catalogue, is_gone, gone / known, rows, placed)
        shelf = Shelf(
            replace(
                release,
                vocabulary=vocabulary,
                catalogue=catalogue,
                items=replace(release.items, columns=arrays.columns),
            ),
            filters,
            is_gone,
            arrays.is_deleted,
            self._arrivals(before, is_gone, placed),
            self._stand_ins if self._next > self._first_new else None,
            sequence,
            before.version + 1,
        )
        self._metrics.shows(self._next - self._first_new, int(gone))
        self._show(shelf)

    def _show(self, shelf: Shelf) -> None:
        # The snapshot first: who begins under the new version must find it.
        self._shelf = shelf
        self._readers.version = shelf.version
        self._metrics.sequence.set(shelf.sequence)

    def _read(self, record: bytes) -> catalog_pb2.Item | None:
        """Read a record; one that is none counts, and changes nothing."""
        try:
            return catalog_pb2.Item.FromString(record)
        except DecodeError:
            self._metrics.bad_records.inc()
            return None

    def _with_new(self, vocabulary: Vocabulary, records: Records) -> Vocabulary:
        """Give rows to items that are not known, as far as there is room."""
        candidates = [item_id for item_id, record in records.items() if record != GONE]
        is_new = vocabulary.rows_of_ids(candidates) == UNKNOWN_ROW
        new = [item_id for item_id, is_one in zip(candidates, is_new.tolist(), strict=True) if is_one]
        taken = new[: self.room]
        if len(taken) < len(new):
            self._metrics.unplaced.inc(len(new) - len(taken))
            _LOGGER.warning(
                "%d new items find no room beside %d others", len(new) - len(taken), self._end - self._first_new
            )
        if not taken:
            return vocabulary
        rows = np.arange(self._next, self._next + len(taken), dtype=np.int32)
        for row, item_id in zip(rows.tolist(), taken, strict=True):
            write_id(vocabulary.ids, row - FIRST_ITEM_ROW, item_id)
        self._next += len(taken)
        keys = item_keys(taken)
        order = np.argsort(keys)
        places = np.searchsorted(vocabulary.sorted_keys, keys[order])
        return Vocabulary(
            vocabulary.ids,
            np.insert(vocabulary.sorted_keys, places, keys[order]),
            np.insert(vocabulary.sorted_rows, places, rows[order]),
        )

    def _place(self, items: dict[int, catalog_pb2.Item], categories: I32) -> I32:
        """Place the new items among those that changed; those whose embedding is another now."""
        places = [place for place, row in enumerate(items) if row >= self._first_new]
        if not places:
            return np.zeros(0, np.int32)
        rows = np.fromiter(items, np.int32, len(items))[places]
        own = [item for row, item in items.items() if row >= self._first_new]
        embeddings = self._base.items.embeddings
        vectors = self._placing.embed(own, categories[places]).astype(embeddings.dtype)
        is_moved = (embeddings[rows] != vectors).any(axis=1)
        embeddings[rows] = vectors
        self._stand_ins[rows] = self._placing.stand_ins(categories[places])
        moved: I32 = rows[is_moved]
        return moved

    def _arrivals(self, before: Shelf, is_gone: Bool, placed: I32) -> Kept | None:
        """Give the new items that may be shown; what was gathered of them stays where none differs."""
        mask = ~is_gone
        mask[: self._first_new] = False
        old = before.arrivals
        if old is not None and not len(placed) and np.array_equal(old.mask, mask):
            return old
        arrivals = Kept(mask, self._base.items.embeddings)
        return arrivals if len(arrivals.vectors) else None  # gathered here, so that no batch has to

    def _gone(self) -> Bool:
        is_gone = self._arrays.is_deleted | self._arrays.is_unavailable
        is_gone[:FIRST_ITEM_ROW] = is_gone[self._next :] = True
        return is_gone

    def _copied(self, levels: int) -> _Arrays:
        """Copy what is about to change, the categories so many levels wide."""
        old = self._arrays
        categories = np.zeros((len(old.categories), levels), np.int32)
        categories[:, : old.categories.shape[1]] = old.categories
        return _Arrays(
            old.prices.copy(), categories, old.columns.copy(), old.is_deleted.copy(), old.is_unavailable.copy()
        )
