from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from shortlist.offline.export import export_onnx, tensor_specs
from shortlist.offline.quantize import wide_products
from shortlist.offline.query_tower import QueryTower
from shortlist.offline.ranker import Ranker
from shortlist.offline.ranker_lists import OPEN_AXES

RANDOM = np.random.default_rng(0)
LENGTH = 6


def _ranker_inputs(users: int, candidates: int) -> dict[str, torch.Tensor]:
    return {
        "user_dense": torch.randn(users, 2),
        "history": torch.randint(0, 9, (users, LENGTH), dtype=torch.int32),
        "history_type": torch.randint(0, 7, (users, LENGTH), dtype=torch.int32),
        "history_age": torch.rand(users, LENGTH) * 400,
        "candidates": torch.randint(0, 9, (users, candidates), dtype=torch.int32),
        "candidate_dense": torch.randn(users, candidates, 4),
    }


def _run(path: Path, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})[0])


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    categories = np.array([[0]] * 2 + [[1 + row % 3] for row in range(7)], np.int32)
    ranker = Ranker(categories, RANDOM.normal(size=(9, 2)).astype(np.float32), RANDOM.normal(size=(9, 4)).astype("f4"))
    ranker.fold(np.full(3, 5, np.int32))
    ranker.eval()
    return ranker


def test_the_exported_ranker_scores_as_the_module_does_in_every_shape(ranker: Ranker, tmp_path: Path) -> None:
    path = tmp_path / "ranker.onnx"
    export_onnx(ranker, _ranker_inputs(2, 3), "score", path, OPEN_AXES)
    for users, candidates in ((1, 200), (5, 50), (256, 1)):
        inputs = _ranker_inputs(users, candidates)
        torch.testing.assert_close(_run(path, inputs), ranker(**inputs), atol=1e-4, rtol=1e-4)


def test_only_the_hidden_layers_are_quantized(ranker: Ranker, tmp_path: Path) -> None:
    path = tmp_path / "ranker.onnx"
    export_onnx(ranker, _ranker_inputs(2, 3), "score", path, OPEN_AXES)
    assert len(wide_products(path)) == 2


def test_the_exported_query_tower_embeds_as_the_module_does(tmp_path: Path) -> None:
    tower = QueryTower(RANDOM.normal(size=(9, 2)).astype(np.float32), 8).eval()

    def inputs(users: int) -> dict[str, torch.Tensor]:
        return {
            "history_embedding": torch.randn(users, LENGTH, 8),
            "history_mask": (torch.rand(users, LENGTH) < 0.5).float(),
            "history_type": torch.randint(0, 7, (users, LENGTH), dtype=torch.int32),
            "history_age": torch.rand(users, LENGTH) * 400,
            "user_dense": torch.randn(users, 2),
        }

    path = tmp_path / "tower.onnx"
    export_onnx(tower, inputs(2), "query", path)
    for users in (1, 7, 256):
        asked = inputs(users)
        torch.testing.assert_close(_run(path, asked), tower(**asked), atol=1e-5, rtol=1e-4)


def test_specs_leave_the_batch_out_and_the_candidates_open() -> None:
    shapes = {spec.name: spec.shape for spec in tensor_specs(_ranker_inputs(2, 3), OPEN_AXES)}
    assert shapes["candidates"] == (-1,)
    assert shapes["candidate_dense"] == (-1, 4)
    assert shapes["history"] == (LENGTH,)
