"""What somebody with models of their own has in their hands: files, made of the tiny release or of a few operators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl
from onnx import TensorProto, helper, numpy_helper

from shortlist.core.arrays import AnyArray
from shortlist.core.types import FIRST_ITEM_ROW, EventType
from shortlist.release.bundle import Release

Axis = int | str
_KINDS = {"float": TensorProto.FLOAT, "double": TensorProto.DOUBLE, "int32": TensorProto.INT32}


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """Paths, by the names of `import_release`."""

    items: Path
    query_tower: Path
    ranker: Path
    users: Path
    neighbours: Path


def own_files(release: Release, folder: Path) -> OwnFiles:
    """Write a release's parts as their owner would have them before there was a release."""
    ids, items, first = list(release.vocabulary.ids), release.items, FIRST_ITEM_ROW
    table = pl.DataFrame(
        {
            "id": ids,
            "embedding": items.embeddings[first:].astype(np.float32).tolist(),
            "title": list(release.catalogue.titles)[first:],
            "categories": [release.catalogue.categories_of(row) for row in range(first, first + len(ids))],
            "price": pl.Series(release.catalogue.prices[first:]).fill_nan(None),
            **dict(zip(release.manifest.features.item_columns, items.columns[first:].T, strict=True)),
            "popularity": items.columns[first:, 1],
        }
    )
    table.write_parquet(folder / "items.parquet")
    rows, weights = items.neighbour_rows[0], items.neighbour_weights[0]
    row, place = np.nonzero(rows)
    pl.DataFrame(
        {
            "id": [ids[at] for at in row - first],
            "neighbour": [ids[at] for at in rows[row, place] - first],
            "weight": weights[row, place].astype(np.float32),
        }
    ).write_parquet(folder / "neighbours.parquet")
    histories = release.histories()
    pl.DataFrame(
        {
            "user": np.repeat(list(histories.users), np.diff(histories.offsets)),
            "item": [ids[at] for at in histories.rows - first],
            "type": [EventType(number).name.lower() for number in histories.types.tolist()],
            "time": histories.times,
            "value": histories.values,
        }
    ).write_parquet(folder / "users.parquet")
    return OwnFiles(
        folder / "items.parquet",
        release.query_tower_path,
        release.ranker_path,
        folder / "users.parquet",
        folder / "neighbours.parquet",
    )


def write_model(
    path: Path,
    inputs: Mapping[str, tuple[str, Sequence[Axis]]],
    output: tuple[str, str, Sequence[Axis]],
    nodes: Sequence[tuple[str, Sequence[str], Mapping[str, Any]]],
    constants: Mapping[str, AnyArray] | None = None,
    *,
    external: bool = False,
) -> Path:
    """Write a chain of operators: each gives what the next names "last", and the end of the chain is the output.

    Args:
        path: The file.
        inputs: Type and axes by name; an axis with a name is open.
        output: Name, type and axes.
        nodes: Operator, its inputs and its attributes.
        constants: Initializers.
        external: Keep them in a file beside it.
    """
    name, kind, axes = output
    made, last = [], ""
    for place, (operator, taken, attributes) in enumerate(nodes):
        gives = name if place == len(nodes) - 1 else f"step-{place}"
        made.append(
            helper.make_node(operator, [last if one == "last" else one for one in taken], [gives], **attributes)
        )
        last = gives
    graph = helper.make_graph(
        made,
        "own",
        [helper.make_tensor_value_info(key, _KINDS[kind], shape) for key, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, _KINDS[kind], axes)],
        [numpy_helper.from_array(value, key) for key, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path, save_as_external_data=external, size_threshold=0)
    return path


def write_tower(path: Path, dimension: int, length: Axis = "events", **changed: Any) -> Path:
    """Write a query tower that averages the history's embeddings."""
    history = ("float", ["batch", length, dimension])
    given: dict[str, Any] = {
        "inputs": {"history_embedding": history},
        "output": ("query", "float", ["batch", dimension]),
        "nodes": [("ReduceMean", ["history_embedding"], {"axes": [1], "keepdims": 0})],
    }
    return write_model(path, **{**given, **changed})


def write_ranker(path: Path, dense: int, **changed: Any) -> Path:
    """Write a ranker that adds up `candidate_dense`."""
    given: dict[str, Any] = {
        "inputs": {
            "candidates": ("int32", ["batch", "candidates"]),
            "candidate_dense": ("float", ["batch", "candidates", dense]),
        },
        "output": ("score", "float", ["batch", "candidates"]),
        "nodes": [("ReduceSum", ["candidate_dense", "third"], {"keepdims": 0})],
        "constants": {"third": np.array([2], np.int64)},
    }
    return write_model(path, **{**given, **changed})
