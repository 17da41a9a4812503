"""A release on disk: open the whole of it, or refuse it with the reason.

Checksums come before anything is parsed: FAISS loads an index with a flipped bit silently, and NumPy and ONNX
Runtime would blame the wrong thing.
"""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from shortlist.core.arrays import F16, F32, I32, AnyArray
from shortlist.core.errors import InputError, ReleaseRefusedError
from shortlist.core.types import FIRST_ITEM_ROW, PADDING_ROW
from shortlist.release.catalogue import Catalogue
from shortlist.release.histories import Histories
from shortlist.release.manifest import MANIFEST_NAME, FileEntry, Manifest
from shortlist.release.vocabulary import Vocabulary

INDEX_NAME = "items.faiss"
QUERY_TOWER_NAME = "query_tower.onnx"
CONTENT_NAME = "content.npz"
RANKER_NAMES = {"fp32": "ranker.onnx", "int8": "ranker.int8.onnx"}
REPORT_NAME = "report.json"
_VOCABULARY, _CATALOGUE, _ITEMS, _USERS = "vocabulary.npz", "catalogue.npz", "items.npz", "users.npz"


@dataclass(frozen=True, slots=True)
class ItemArrays:
    """What serving knows of each item row (R rows) besides its attributes.

    Args:
        embeddings: (R, D) float16, the vectors of the index; 0 where an item has none.
        columns: (R, C) float32, raw values in the order of the schema's `item_columns`.
        neighbour_rows: (L, R, K) int32, L kinds of lists: the items that an item votes for, strongest first, 0 pads.
        neighbour_weights: (L, R, K) float16, how much, above 0.
        popular: (P,) int32, the fallback list, best first.
    """

    embeddings: F16
    columns: F32
    neighbour_rows: I32
    neighbour_weights: F16
    popular: I32


@dataclass(frozen=True, slots=True)
class Release:
    """An opened, verified release. Immutable: every field may be shared by all threads."""

    path: Path
    manifest: Manifest
    vocabulary: Vocabulary
    catalogue: Catalogue
    items: ItemArrays

    @property
    def id(self) -> str:
        """The release's name, also that of its ranker on Triton."""
        return self.manifest.id

    @property
    def index_path(self) -> Path:
        """The FAISS index; position p holds item row p + 2."""
        return self.path / INDEX_NAME

    @property
    def query_tower_path(self) -> Path:
        """The query tower, ONNX."""
        return self.path / self.manifest.query_tower.file

    @property
    def ranker_path(self) -> Path:
        """The ranker that is served, ONNX."""
        return self.path / self.manifest.ranker.file

    def directions(self, rows: AnyArray | slice) -> F32:
        """Take the embeddings of (n,) rows as (n, D) float32, without the bias: items are alike by their cosines."""
        vectors = self.items.embeddings[rows].astype(np.float32)
        if self.manifest.has_item_bias:
            vectors[:, -1] = 0.0
        return vectors

    def content_arrays(self) -> dict[str, AnyArray]:
        """Read what places items without a history (not kept in memory)."""
        with _refusing(self.path):
            return _load(self.path / CONTENT_NAME)

    def histories(self) -> Histories:
        """Read the user histories that came with the release (not kept in memory)."""
        with _refusing(self.path):
            histories = Histories.from_arrays(_load(self.path / _USERS))
            _check_rows("users", histories.rows, FIRST_ITEM_ROW, self.vocabulary.row_count)
            return histories

    @classmethod
    def open(cls, path: Path) -> "Release":
        """Verify every file and load the arrays.

        Raises:
            ReleaseRefusedError: a file is missing, damaged or of another format, or parts do not fit together.
        """
        manifest = verify(path)
        with _refusing(path):
            vocabulary = Vocabulary.from_arrays(_load(path / _VOCABULARY))
            catalogue = Catalogue.from_arrays(_load(path / _CATALOGUE))
            items = ItemArrays(**_load(path / _ITEMS))
            release = cls(path, manifest, vocabulary, catalogue, items)
            release._check_shapes()
            return release

    def _check_shapes(self) -> None:
        manifest, items, rows = self.manifest, self.items, self.vocabulary.row_count
        lists = len(manifest.features.sources) - 2  # the others are the tower and what is popular
        if manifest.item_count + FIRST_ITEM_ROW != rows:
            raise ValueError(f"the manifest counts {manifest.item_count} items, the vocabulary {rows - FIRST_ITEM_ROW}")
        expected: dict[str, tuple[AnyArray, tuple[int, ...]]] = {
            "embeddings": (items.embeddings, (rows, manifest.embedding_dimension)),
            "columns": (items.columns, (rows, len(manifest.features.item_columns))),
            "neighbour_rows": (items.neighbour_rows, (lists, rows, items.neighbour_weights.shape[-1])),
            "neighbour_weights": (items.neighbour_weights, (lists, rows, items.neighbour_rows.shape[-1])),
            "prices": (self.catalogue.prices, (rows,)),
        }
        for name, (array, shape) in expected.items():
            if array.shape != shape:
                raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
        if not np.isfinite(items.columns).all() or not np.isfinite(items.embeddings).all():
            raise ValueError("embeddings or columns are not finite")
        _check_rows("popular", items.popular, FIRST_ITEM_ROW, rows)
        _check_rows("neighbour_rows", items.neighbour_rows, PADDING_ROW, rows)
        if len(np.unique(items.popular)) < len(items.popular):
            raise ValueError("popular repeats an item")


def verify(path: Path) -> Manifest:
    """Check the manifest and the checksum of every file.

    Raises:
        ReleaseRefusedError: with the file's name and what is wrong.
    """
    try:
        manifest = Manifest.model_validate_json((path / MANIFEST_NAME).read_bytes())
    except OSError as error:
        raise ReleaseRefusedError(path, f"{MANIFEST_NAME} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "document"
        raise ReleaseRefusedError(path, f"{MANIFEST_NAME} is invalid: {place}: {first['msg']}") from error
    if manifest.checksum != manifest.own_checksum():
        raise ReleaseRefusedError(path, f"{MANIFEST_NAME} is damaged: its checksum is not that of its contents")
    for name, entry in manifest.files.items():
        try:
            actual = _entry(path / name)
        except OSError as error:
            raise ReleaseRefusedError(path, f"{name} cannot be read: {error.strerror}") from error
        if actual != entry:
            raise ReleaseRefusedError(path, f"{name} is damaged: its size or checksum is not the manifest's")
    needed = {
        _VOCABULARY,
        _CATALOGUE,
        _ITEMS,
        _USERS,
        INDEX_NAME,
        manifest.query_tower.file,
        manifest.ranker.file,
        *((CONTENT_NAME,) if manifest.has_content_map else ()),
    }
    if missing := sorted(needed - manifest.files.keys()):
        raise ReleaseRefusedError(path, f"the manifest does not list {', '.join(missing)}")
    return manifest


def write_arrays(
    folder: Path, vocabulary: Vocabulary, catalogue: Catalogue, items: ItemArrays, users: Histories
) -> None:
    """Write the array files of a release."""
    save_arrays(folder / _VOCABULARY, vocabulary.arrays())
    save_arrays(folder / _CATALOGUE, catalogue.arrays())
    save_arrays(folder / _ITEMS, {name: getattr(items, name) for name in ItemArrays.__slots__})
    save_arrays(folder / _USERS, users.arrays())


@contextmanager
def written_beside(out: Path) -> Iterator[Path]:
    """Give a folder to write a release into; rename it to `out` at the end, or remove it on an error.

    Raises:
        InputError: `out` exists, or its parent cannot be written.
    """
    if out.exists():
        raise InputError(f"{out} exists: a release is never overwritten; choose another --out")
    folder = out.parent / f".{out.name}.{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{folder.parent} cannot be written: {error.strerror}") from error
    try:
        yield folder
        folder.rename(out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Write the manifest with the checksums of all files that lie in the folder, and its own."""
    files = {path.name: _entry(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST_NAME}
    listed = manifest.model_copy(update={"files": files})
    sealed = listed.model_copy(update={"checksum": listed.own_checksum()})
    (folder / MANIFEST_NAME).write_text(json.dumps(sealed.model_dump(mode="json"), indent=2) + "\n")
    return sealed


def _entry(path: Path) -> FileEntry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(size_bytes=path.stat().st_size, sha256=digest)


def _check_rows(name: str, rows: I32, first: int, end: int) -> None:
    if rows.size and not first <= rows.min() <= rows.max() < end:
        raise ValueError(f"{name} point outside the catalogue")


def save_arrays(path: Path, arrays: dict[str, AnyArray]) -> None:
    """Write arrays by name, compressed."""
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _load(path: Path) -> dict[str, AnyArray]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except (LookupError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ReleaseRefusedError(path, str(error)) from error
