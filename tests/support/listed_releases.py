"""The tiny release with another index over the same items."""

import shutil
from pathlib import Path

import faiss
import numpy as np

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.release.bundle import INDEX_NAME, Release, seal, written_beside


def with_index(release: Release, kind: str, out: Path) -> Release:
    """Write a copy of a release whose index is of this kind, in the words of FAISS's index factory."""
    vectors = release.items.embeddings[FIRST_ITEM_ROW:].astype(np.float32)
    index = faiss.index_factory(vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    with written_beside(out) as folder:
        for name in release.manifest.files:
            shutil.copyfile(release.path / name, folder / name)
        faiss.write_index(index, str(folder / INDEX_NAME))
        seal(folder, release.manifest.model_copy(update={"id": f"{release.id}-listed"}))
    return Release.open(out)
