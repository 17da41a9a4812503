"""The workload's models: the project's own graphs, untrained, of the shape that the benchmark asks for."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from shortlist.core.arrays import F32, I32, AnyArray
from shortlist.offline.export import export_onnx, tensor_specs
from shortlist.offline.quantize import quantize
from shortlist.offline.query_tower import QueryTower
from shortlist.offline.ranker import Ranker
from shortlist.offline.ranker_lists import OPEN_AXES
from shortlist.release.bundle import QUERY_TOWER_NAME, RANKER_NAMES
from shortlist.release.manifest import ModelSpec, RankerSpec, TensorSpec

HIDDEN = (256, 128)
"""Units of the ranker's hidden layers; the last layer has one."""

Tensors = Mapping[str, AnyArray]


def write_tower(folder: Path, tensors: Tensors, dimension: int, seed: int) -> ModelSpec:
    """Write a query tower whose weights are those it starts its training with: queries are means of histories.

    Args:
        folder: Takes the file.
        tensors: The tower's inputs for some requests.
        dimension: Of a query.
        seed: Draws the weights.
    """
    torch.manual_seed(seed)
    inputs = {name: torch.from_numpy(tensor[:2].copy()) for name, tensor in tensors.items()}
    export_onnx(QueryTower(tensors["user_dense"], dimension), inputs, "query", folder / QUERY_TOWER_NAME)
    return ModelSpec(
        file=QUERY_TOWER_NAME,
        inputs=tensor_specs(inputs),
        output=TensorSpec(name="query", dtype="float32", shape=(dimension,)),
    )


def write_ranker(folder: Path, batches: Sequence[Tensors], categories: I32, seed: int) -> RankerSpec:
    """Write an int8 ranker with untrained weights, calibrated on the tensors of real requests.

    Args:
        folder: Takes the file.
        batches: The ranker's inputs for some requests each.
        categories: (R, levels) int32, the catalogue's.
        seed: Draws the weights.
    """
    torch.manual_seed(seed)
    first = batches[0]
    user_dense: F32 = first["user_dense"]
    ranker = Ranker(categories, user_dense, first["candidate_dense"], hidden=HIDDEN)
    ranker.fold(first["history_type"])
    inputs = {name: torch.from_numpy(tensor[:2].copy()) for name, tensor in first.items()}
    float_path, path = folder / RANKER_NAMES["fp32"], folder / RANKER_NAMES["int8"]
    export_onnx(ranker, inputs, "score", float_path, OPEN_AXES)
    quantize(float_path, path, batches)
    float_path.unlink()
    return RankerSpec(
        file=RANKER_NAMES["int8"],
        precision="int8",
        inputs=tensor_specs(inputs, OPEN_AXES),
        output=TensorSpec(name="score", dtype="float32", shape=(-1,)),
    )
