"""Fit the sources of candidates on what lies before a moment: towers with index, neighbours, popular items, columns."""


from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
import torch

from shortlist.core.arrays import F16, F32
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.ease import ease_lists
from shortlist.offline.columns import item_columns, popular_items
from shortlist.offline.export import export_onnx, tensor_specs
from shortlist.offline.interactions import Interactions
from shortlist.offline.progress import Advance, silently
from shortlist.offline.requests import Requests, all_users_at
from shortlist.offline.tower_training import TowerSettings, train_towers
from shortlist.release.bundle import INDEX_NAME, QUERY_TOWER_NAME, ItemArrays
from shortlist.release.catalogue import Catalogue
from shortlist.release.manifest import ModelSpec, TensorSpec

NEIGHBOURS = 24
POPULAR_DAYS, POPULAR_LENGTH = 14, 500


@dataclass(frozen=True, slots=True)
class FittedSources:
    """What retrieval needs as of a moment; the query tower and the index lie in `folder`.

    Items that came later have zero embeddings and are in no list.
    """

    at_s: int
    folder: Path
    items: ItemArrays
    query_tower: ModelSpec
    known_rows: int
    curve: tuple[dict[str, float], ...]


def fit_sources(
    interactions: Interactions,
    catalogue: Catalogue,
    at_s: int,
    folder: Path,
    seed: int,
    settings: TowerSettings = TowerSettings(),
    after_epoch: Advance = silently,
) -> FittedSources:
    """Fit on what lies before `at_s`, whatever else the interactions hold."""
    past = interactions.before(at_s)
    towers = train_towers(past, catalogue, settings, seed, after_epoch)
    columns = item_columns(past, catalogue, at_s)
    known = past.known_rows()
    with torch.no_grad():
        embedded = towers.items(torch.arange(known), torch.from_numpy(columns[:known])).numpy()
    embeddings = np.zeros((past.row_count, settings.dimension), np.float16)
    embeddings[FIRST_ITEM_ROW:known] = embedded[FIRST_ITEM_ROW:]
    write_index(embeddings[:known], folder / INDEX_NAME)
    inputs = _query_inputs(all_users_at(past, at_s).take(slice(2)), embeddings, settings.history_length)
    export_onnx(towers.query, inputs, "query", folder / QUERY_TOWER_NAME)
    neighbours, weights = ease_lists(past, at_s, NEIGHBOURS)
    popular = popular_items(past, at_s, POPULAR_DAYS, POPULAR_LENGTH)
    return FittedSources(
        at_s,
        folder,
        ItemArrays(embeddings, columns, neighbours, weights.astype(np.float16), popular),
        ModelSpec(
            file=QUERY_TOWER_NAME,
            inputs=tensor_specs(inputs),
            output=TensorSpec(name="query", dtype="float32", shape=(settings.dimension,)),
        ),
        known,
        towers.curve,
    )


def write_index(embeddings: F16, path: Path) -> None:
    """Write the exact index over the items; it holds float16, as the release does."""
    vectors = embeddings[FIRST_ITEM_ROW:].astype(np.float32)
    index = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    faiss.write_index(index, str(path))


def _query_inputs(requests: Requests, embeddings: F16, length: int) -> dict[str, torch.Tensor]:
    history = requests.history.newest(length)
    arrays: dict[str, F32] = {
        "history_embedding": embeddings[history.rows].astype(np.float32),
        "history_mask": (history.rows > 0).astype(np.float32),
        "history_type": history.types,
        "history_age": history.ages,
        "user_dense": requests.user_dense,
    }
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
