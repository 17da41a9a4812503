"""Put an import together: what came along, what is assumed where it is silent, and a manifest that says both."""

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from shortlist.core.arrays import F16
from shortlist.core.errors import InputError
from shortlist.features.encode import USER_DENSE
from shortlist.offline.imports import models
from shortlist.offline.imports.items import OwnItems, read_items
from shortlist.offline.imports.neighbours import nearest, read_neighbours
from shortlist.offline.imports.probe import probe_ranker, probe_tower
from shortlist.offline.imports.users import OwnUsers, no_users, read_users
from shortlist.offline.index_choice import choose_index
from shortlist.offline.retriever import CANDIDATES
from shortlist.ranking.local import LocalRanker
from shortlist.ranking.tensors import candidate_dense_names
from shortlist.release.bundle import (
    INDEX_NAME,
    QUERY_TOWER_NAME,
    RANKER_NAMES,
    ItemArrays,
    Release,
    seal,
    write_arrays,
    written_beside,
)
from shortlist.release.manifest import FeatureSchema, Manifest, ModelSpec, Precision, RankerSpec, TensorSpec
from shortlist.retrieval.sources import source_names
from shortlist.retrieval.tower import QueryTower

_NAME = re.compile("[a-z0-9][a-z0-9.-]{0,63}")


def import_release(
    items: Path,
    query_tower: Path,
    ranker: Path,
    out: Path,
    *,
    ids: Path | None = None,
    users: Path | None = None,
    neighbours: Path | None = None,
    name: str = "imported",
) -> Release:
    """Make a release of models that were trained elsewhere; see docs/bring-your-own.md for the files.

    Args:
        items: Ids and embeddings, with titles, categories, prices, popularity and item columns where there are.
        query_tower: ONNX, a user's history to `query`.
        ranker: ONNX, candidates to `score`.
        out: The release's directory; must not exist. Nothing is left there after an error.
        ids: Of the rows of `items` where that is an .npy matrix.
        users: Events, to fill the online store for a start; None: nobody is known.
        neighbours: Lists of an item's neighbours; None: the nearest by embedding.
        name: The release's id begins with it.

    Raises:
        InputError: one sentence about the first thing that does not fit: the file, what was expected, what was found.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"--name must match {_NAME.pattern}, got {name!r}")
    with written_beside(out) as folder, models.quiet():
        own = read_items(items, ids)
        own_users = read_users(users, own.vocabulary) if users else no_users()
        lists = read_neighbours(neighbours, own.vocabulary) if neighbours else nearest(own.embeddings)
        arrays = ItemArrays(own.embeddings, own.columns, lists[0][None], lists[1][None], own.popular)
        tower_graph = models.copy_model(query_tower, folder / QUERY_TOWER_NAME)
        precision = models.precision_of(ranker)
        ranker_graph = models.copy_model(ranker, folder / RANKER_NAMES[precision])
        length = models.history_length(tower_graph, ranker_graph)
        tower_spec = _check_tower(tower_graph, folder, own.embeddings, length)
        # Without users to ask for, the index is tuned on the items themselves.
        index = choose_index(own.embeddings, np.zeros((0, own.embeddings.shape[1]), np.float32), seed=0)
        index.write(folder / INDEX_NAME)
        sources = source_names(("neighbours",))
        schema = FeatureSchema(
            history_length=length,
            user_dense=USER_DENSE,
            item_columns=own.column_names,
            sources=sources,
            candidate_dense=candidate_dense_names(sources, own.column_names),
        )
        ranker_spec = _check_ranker(ranker_graph, precision, schema, own, folder)
        write_arrays(folder, own.vocabulary, own.catalogue, arrays, own_users.histories)
        seal(folder, _manifest(name, own, own_users, schema, tower_spec, ranker_spec))
    return Release.open(out)


def _check_tower(graph: models.Graph, folder: Path, embeddings: F16, length: int) -> ModelSpec:
    rows, dimension = embeddings.shape
    spec = ModelSpec(
        file=QUERY_TOWER_NAME,
        inputs=models.checked_inputs(graph, models.tower_inputs(length, dimension)),
        output=models.checked_output(graph, TensorSpec(name=models.QUERY, dtype="float32", shape=(dimension,))),
    )
    probe_tower(graph, QueryTower(folder / spec.file, spec, embeddings, length), length, rows, dimension)
    return spec


def _check_ranker(
    graph: models.Graph, precision: Precision, schema: FeatureSchema, own: OwnItems, folder: Path
) -> RankerSpec:
    models.require_candidates(graph)
    spec = RankerSpec(
        file=RANKER_NAMES[precision],
        precision=precision,
        inputs=models.checked_inputs(graph, models.ranker_inputs(schema.history_length, schema.candidate_dense)),
        output=models.checked_output(graph, TensorSpec(name=models.SCORE, dtype="float32", shape=(-1,))),
    )
    probe_ranker(graph, LocalRanker(folder / spec.file, spec), spec, schema, own.columns, own.catalogue.categories)
    return spec


def _manifest(
    name: str, own: OwnItems, users: OwnUsers, schema: FeatureSchema, query_tower: ModelSpec, ranker: RankerSpec
) -> Manifest:
    created = datetime.now(UTC)
    return Manifest(
        id=f"{name}-{created:%Y%m%d-%H%M%S}",
        created=created,
        dataset=name,
        seed=0,
        trained_until=created if users.until_s is None else datetime.fromtimestamp(users.until_s, UTC),
        item_count=len(own.vocabulary.ids),
        embedding_dimension=own.embeddings.shape[1],
        candidates=CANDIDATES,
        exclude_seen=True,
        features=schema,
        query_tower=query_tower,
        ranker=ranker,
        notes=(*own.notes, *users.notes),
        files={},
    )
