"""Every way in which a model can differ from what serving sends and reads is one sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.offline.imports.models import precision_of
from shortlist.offline.imports.release import import_release
from support.own_models import write_model, write_ranker, write_tower

DIMENSION, DENSE = 4, 7
OPEN = ["batch", "candidates"]
CANDIDATES = {"candidates": ("int32", OPEN)}
DENSE_INPUT = {"candidate_dense": ("float", [*OPEN, DENSE])}
SUM = ("ReduceSum", ["candidate_dense", "third"], {"keepdims": 0})
THIRD = {"third": np.array([2], np.int64)}


def shape_of(tensor: str, found: str, expected: str) -> str:
    return f"{tensor} has shape {found}, expected {expected}; axes with a name are open (dynamic) ones"


@pytest.fixture
def items(tmp_path: Path) -> Path:
    rows = np.random.default_rng(1).normal(size=(30, DIMENSION)).astype(np.float32)
    table = pl.DataFrame({"id": [f"item-{row}" for row in range(30)], "embedding": rows.tolist()})
    table.write_parquet(tmp_path / "items.parquet")
    return tmp_path / "items.parquet"


def refusal(items: Path, tower: dict[str, Any], ranker: dict[str, Any]) -> str:
    """Import two models, each with its changes; the sentence, without the folder's name."""
    folder = items.parent
    tower_path = write_tower(folder / "tower.onnx", DIMENSION, **tower)
    ranker_path = write_ranker(folder / "ranker.onnx", DENSE, **ranker)
    with pytest.raises(InputError) as refused:
        import_release(items, tower_path, ranker_path, folder / "own")
    assert not list(folder.glob("*own*"))
    return str(refused.value).replace(f"{folder}/", "")


RANKERS = {
    "an unknown tensor": (
        {"inputs": CANDIDATES | DENSE_INPUT | {"weather": ("float", ["batch"])}},
        "ranker.onnx: takes weather, expected only history, history_type, history_age, user_dense, candidates, ",
    ),
    "no candidates": ({"inputs": DENSE_INPUT}, "ranker.onnx: takes candidate_dense, expected candidates among them"),
    "no candidate_dense": (
        {"inputs": CANDIDATES, "nodes": [("Cast", ["candidates"], {"to": 1})], "constants": {}},
        "ranker.onnx: takes candidates, expected candidate_dense among them",
    ),
    "another type": (
        {"inputs": {"candidates": ("int32", OPEN), "candidate_dense": ("double", [*OPEN, DENSE])}}
        | {"output": ("score", "double", OPEN)},
        "ranker.onnx: candidate_dense is tensor(double), expected tensor(float)",
    ),
    "another width": (
        {"inputs": CANDIDATES | {"candidate_dense": ("float", [*OPEN, 9])}},
        shape_of("ranker.onnx: candidate_dense", "(batch, candidates, 9)", "(batch, candidates, 7)"),
    ),
    "an axis too few": (
        {"inputs": CANDIDATES | DENSE_INPUT | {"user_dense": ("float", ["batch"])}},
        shape_of("ranker.onnx: user_dense", "(batch)", "(batch, 5)"),
    ),
    "a fixed number of candidates": (
        {"inputs": {"candidates": ("int32", ["batch", 200]), "candidate_dense": ("float", ["batch", 200, DENSE])}},
        shape_of("ranker.onnx: candidates", "(batch, 200)", "(batch, candidates)"),
    ),
    "a fixed batch": (
        {"inputs": CANDIDATES | {"candidate_dense": ("float", [1, "candidates", DENSE])}},
        shape_of("ranker.onnx: candidate_dense", "(1, candidates, 7)", "(batch, candidates, 7)"),
    ),
    "another output": ({"output": ("logits", "float", OPEN)}, "ranker.onnx: gives logits, expected score"),
    "scores of another type": (
        {"output": ("score", "double", OPEN), "nodes": [SUM, ("Cast", ["last"], {"to": 11})]},
        "ranker.onnx: score is tensor(double), expected tensor(float)",
    ),
    "a column of scores": (
        {"output": ("score", "float", [*OPEN, 1]), "nodes": [("ReduceSum", ["candidate_dense", "third"], {})]},
        shape_of("ranker.onnx: score", "(batch, candidates, 1)", "(batch, candidates)"),
    ),
    "scores that are not numbers": (
        {"nodes": [SUM, ("Mul", ["last", "nan"], {})], "constants": THIRD | {"nan": np.array(np.nan, np.float32)}},
        "ranker.onnx: a run on 1 requests with 200 candidates failed: scores that are not finite",
    ),
    "a fixed number of candidates inside the graph": (
        {
            "nodes": [SUM, ("Add", ["last", "fixed"], {})],
            "constants": THIRD | {"fixed": np.zeros((1, 200), np.float32)},
        },
        shape_of("ranker.onnx: score", "(batch, 200)", "(batch, candidates)"),
    ),
    "another number of scores than it says": (
        {
            "nodes": [SUM, ("Compress", ["last", "some"], {"axis": 1})],
            "constants": THIRD | {"some": np.ones(50, np.bool_)},
        },
        "ranker.onnx: a run on 1 requests with 200 candidates failed: scores of shape (1, 50) for candidates of shape ",
    ),
    "a table with too few items": (
        {
            "nodes": [("Gather", ["table", "candidates"], {})],
            "constants": {"table": np.zeros(31, np.float32)},
        },
        "ranker.onnx: a run on 1 requests with 200 candidates failed: [ONNXRuntimeError]",
    ),
    "weights beside the file": (
        {"external": True},
        "ranker.onnx: ONNX Runtime does not load it: ",
    ),
}


@pytest.mark.parametrize("case", RANKERS)
def test_a_ranker_that_does_not_fit_is_refused_in_one_sentence(
    items: Path, case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    changed, expected = RANKERS[case]
    sentence = refusal(items, {}, changed)
    assert sentence.startswith(expected)
    assert "\n" not in sentence
    assert capfd.readouterr() == ("", "")


TOWERS = {
    "another dimension of embeddings": (
        {"inputs": {"history_embedding": ("float", ["batch", "events", 5])}},
        shape_of("tower.onnx: history_embedding", "(batch, events, 5)", "(batch, 50, 4)"),
    ),
    "another dimension of queries": (
        {
            "output": ("query", "float", ["batch", 2]),
            "nodes": [
                ("ReduceMean", ["history_embedding"], {"axes": [1], "keepdims": 0}),
                ("MatMul", ["last", "weights"], {}),
            ],
            "constants": {"weights": np.ones((DIMENSION, 2), np.float32)},
        },
        shape_of("tower.onnx: query", "(batch, 2)", "(batch, 4)"),
    ),
    "a dimension that it does not say": (
        {
            "output": ("query", "float", ["batch", "dimension"]),
            "nodes": [("Flatten", ["history_embedding"], {})],
        },
        "tower.onnx: query has shape (1, 200) for 1 requests, expected (1, 4)",
    ),
    "another output": (
        {"output": ("embedding", "float", ["batch", DIMENSION])},
        "tower.onnx: gives embedding, expected query",
    ),
    "a tensor of the ranker": (
        {"inputs": {"history_embedding": ("float", ["batch", 50, DIMENSION]), "history": ("int32", ["batch", 50])}},
        "tower.onnx: takes history, expected only history_embedding, history_mask, ",
    ),
    "a type of its own for types": (
        {
            "inputs": {
                "history_embedding": ("float", ["batch", 50, DIMENSION]),
                "history_type": ("float", ["batch", 50]),
            }
        },
        "tower.onnx: history_type is tensor(float), expected tensor(int32)",
    ),
    "a division by the padding": (
        {
            "inputs": {
                "history_embedding": ("float", ["batch", "events", DIMENSION]),
                "history_age": ("float", ["batch", "events"]),
            },
            "nodes": [
                ("Unsqueeze", ["history_age", "third"], {}),
                ("Div", ["last", "last"], {}),
                ("Mul", ["last", "history_embedding"], {}),
                ("ReduceMean", ["last"], {"axes": [1], "keepdims": 0}),
            ],
            "constants": THIRD,
        },
        "tower.onnx: a run on 3 requests failed: its output is not finite",
    ),
    "more events than a user row holds": (
        {"length": 257},
        "tower.onnx: history_embedding holds 257 events, expected 1 to 256, what a user row holds",
    ),
}


@pytest.mark.parametrize("case", TOWERS)
def test_a_query_tower_that_does_not_fit_is_refused_in_one_sentence(
    items: Path, case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    changed, expected = TOWERS[case]
    sentence = refusal(items, changed, {})
    assert sentence.startswith(expected)
    assert "\n" not in sentence
    assert capfd.readouterr() == ("", "")


def test_models_that_look_at_different_histories_are_refused(items: Path) -> None:
    history = {"history": ("int32", ["batch", 30])}
    assert refusal(items, {"length": 20}, {"inputs": CANDIDATES | DENSE_INPUT | history}) == (
        "ranker.onnx: history holds 30 events, tower.onnx: history_embedding 20; expected one length"
    )


def test_weights_beside_a_model_are_refused_with_what_to_do(items: Path) -> None:
    assert refusal(items, {}, {"external": True}).endswith("; save its weights inside the file (external_data=False)")


@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_a_file_that_is_no_model_is_refused_by_its_name(items: Path, content: bytes | None) -> None:
    path, folder = items.with_name("nothing.onnx"), items.parent
    if content is not None:
        path.write_bytes(content)
    reason = "there is no such file" if content is None else "ONNX Runtime does not load it"
    for tower, ranker in ((path, write_ranker(folder / "ranker.onnx", DENSE)), (path, path)):
        with pytest.raises(InputError, match=f"{path}: {reason}"):
            import_release(items, tower, ranker, folder / "own")


def test_a_quantized_ranker_is_called_int8(tmp_path: Path) -> None:
    floats = write_ranker(tmp_path / "floats.onnx", DENSE)
    quantized = write_model(
        tmp_path / "quantized.onnx",
        {"candidate_dense": ("float", [*OPEN, DENSE])},
        ("score", "float", [*OPEN, DENSE]),
        [("QuantizeLinear", ["candidate_dense", "scale"], {}), ("DequantizeLinear", ["last", "scale"], {})],
        {"scale": np.array(0.1, np.float32)},
    )
    assert [precision_of(floats), precision_of(quantized)] == ["fp32", "int8"]
