"""Fit the sources of candidates on what lies before a moment: towers with index, neighbours, popular items, columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from shortlist.core.arrays import F16, F32, AnyArray
from shortlist.core.types import FIRST_ITEM_ROW, PADDING_ROW
from shortlist.offline.checkpoints import Checkpoint
from shortlist.offline.columns import POPULAR_LENGTH, item_columns, popular_items
from shortlist.offline.content import fit_content
from shortlist.offline.devices import CPU, Device
from shortlist.offline.ease import ease_weights
from shortlist.offline.export import export_onnx, tensor_specs
from shortlist.offline.index_choice import choose_index
from shortlist.offline.index_tuning import MOST_QUERIES, IndexPoint
from shortlist.offline.interactions import Interactions
from shortlist.offline.neighbours import item_knn_weights
from shortlist.offline.progress import Advance, silently
from shortlist.offline.query_tower import QueryTower
from shortlist.offline.requests import Requests, all_users_at
from shortlist.offline.retriever import Retriever
from shortlist.offline.text import fit_text
from shortlist.offline.tower_training import TowerSettings, train_towers
from shortlist.offline.trending_lists import NEIGHBOURS, Trend, strongest
from shortlist.release.bundle import CONTENT_NAME, INDEX_NAME, QUERY_TOWER_NAME, ItemArrays, save_arrays
from shortlist.release.catalogue import Catalogue
from shortlist.release.manifest import ModelSpec, TensorSpec
from shortlist.retrieval.sources import source_names

SOURCE_NAMES = source_names(("ease", "item_knn"))


@dataclass(frozen=True, slots=True)
class FittedSources:
    """What retrieval needs as of a moment; the query tower, the index and the content map lie in `folder`.

    Items that came later have zero embeddings and are in no list.
    """

    at_s: int
    folder: Path
    items: ItemArrays
    query_tower: ModelSpec
    history_length: int
    known_rows: int
    curve: tuple[dict[str, float], ...]
    index_curve: tuple[IndexPoint, ...]

    def retriever(self) -> Retriever:
        """Retrieve from them."""
        return Retriever(self.items, SOURCE_NAMES, self.folder, self.query_tower, self.history_length, self.known_rows)


def fit_sources(
    interactions: Interactions,
    catalogue: Catalogue,
    texts: Sequence[str],
    at_s: int,
    folder: Path,
    settings: TowerSettings,
    seed: int,
    trend: Trend,
    after_epoch: Advance = silently,
    checkpoint: Checkpoint | None = None,
    device: Device = CPU,
) -> FittedSources:
    """Fit on what lies before `at_s`, whatever else the interactions hold; the lists follow `trend`.

    Raises:
        InputError: too little lies before it, or the towers cannot be trained.
    """
    past = interactions.before(at_s)
    columns, known = item_columns(past, catalogue, at_s), past.known_rows()
    towers = train_towers(past, catalogue, settings, seed, after_epoch, checkpoint, device)
    with torch.no_grad():
        embedded = towers.items(torch.arange(known), torch.from_numpy(columns[:known])).numpy()
    embeddings = np.zeros((past.row_count, settings.dimension), np.float16)
    embeddings[FIRST_ITEM_ROW:known] = embedded[FIRST_ITEM_ROW:]
    encoder = fit_text(texts[FIRST_ITEM_ROW:known], seed)
    content = fit_content(encoder, encoder.encode(texts), catalogue.categories, embeddings, known)
    save_arrays(folder / CONTENT_NAME, content.arrays())
    requests = all_users_at(past, at_s)
    query_tower = _export(towers.query, requests, embeddings, settings, folder)
    queries = _queries(towers.query, requests, embeddings, settings, seed)
    chosen = choose_index(embeddings[:known], queries, seed=seed)
    chosen.write(folder / INDEX_NAME)
    lists = [
        strongest(weights(past, at_s), past, at_s, [trend], NEIGHBOURS)[0]
        for weights in (ease_weights, item_knn_weights)
    ]
    neighbours, weights = (np.stack(arrays) for arrays in zip(*lists, strict=True))
    popular = popular_items(past, at_s, POPULAR_LENGTH)
    items = ItemArrays(embeddings, columns, neighbours, weights, popular)
    length = settings.history_length
    return FittedSources(at_s, folder, items, query_tower, length, known, towers.curve, chosen.curve)


def _queries(tower: QueryTower, requests: Requests, embeddings: F16, settings: TowerSettings, seed: int) -> F32:
    """Embed as many users as the index is tuned on."""
    drawn = np.random.default_rng(seed).permutation(len(requests))[:MOST_QUERIES]
    inputs = _tower_inputs(requests.take(drawn), embeddings, settings.history_length)
    with torch.no_grad():
        queries: F32 = tower(*inputs.values()).numpy()
    return queries


def _export(tower: QueryTower, requests: Requests, embeddings: F16, settings: TowerSettings, folder: Path) -> ModelSpec:
    inputs = _tower_inputs(requests.take(slice(2)), embeddings, settings.history_length)
    export_onnx(tower, inputs, "query", folder / QUERY_TOWER_NAME)
    return ModelSpec(
        file=QUERY_TOWER_NAME,
        inputs=tensor_specs(inputs),
        output=TensorSpec(name="query", dtype="float32", shape=(settings.dimension,)),
    )


def _tower_inputs(requests: Requests, embeddings: F16, history_length: int) -> dict[str, torch.Tensor]:
    history = requests.history.newest(history_length)
    arrays: dict[str, AnyArray] = {
        "history_embedding": embeddings[history.rows].astype(np.float32),
        "history_mask": (history.rows != PADDING_ROW).astype(np.float32),
        "history_type": history.types,
        "history_age": history.ages,
        "user_dense": requests.user_dense,
    }
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
