from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from shortlist.offline.compression import measure_compression
from shortlist.offline.distil import SMALL_HIDDEN, SMALL_WIDTH, distil, scores_of
from shortlist.offline.ranker import Ranker
from shortlist.offline.ranker_comparison import held_in, score_lists, top_of
from shortlist.offline.ranker_training import RankerSettings, TrainedRanker, train_ranker
from shortlist.offline.variants import REFERENCE, SERVED, write_variants
from shortlist.release.manifest import ModelSpec
from support.own_lists import catalogue, lists

LENGTH, SEED = 6, 1
SETTINGS = RankerSettings(steps=15, batch=16)
LEARNT, ASIDE = lists(64), lists(20)


@pytest.fixture(scope="module")
def trained() -> TrainedRanker:
    return train_ranker(LEARNT, catalogue(), LENGTH, SETTINGS, SEED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("variants")


@pytest.fixture(scope="module")
def specs(trained: TrainedRanker, folder: Path) -> dict[str, ModelSpec]:
    return write_variants(trained, LEARNT, catalogue(), SETTINGS, SEED, LENGTH, folder)


def _weights(ranker: Ranker) -> int:
    return sum(parameter.numel() for parameter in ranker.parameters())


def test_every_variant_scores_every_candidate_much_as_the_float_one_does(
    specs: dict[str, ModelSpec], folder: Path
) -> None:
    assert next(iter(specs)) == REFERENCE
    reference = score_lists(folder, specs[REFERENCE], ASIDE, LENGTH)
    for name, spec in specs.items():
        scores = score_lists(folder, spec, ASIDE, LENGTH)
        assert scores.shape == (20, 30)
        if not name.startswith("distilled"):
            assert np.corrcoef(scores.ravel(), reference.ravel())[0, 1] > 0.99, name


def test_files_of_variants_are_smaller_than_the_float_one(specs: dict[str, ModelSpec], folder: Path) -> None:
    sizes = {name: (folder / spec.file).stat().st_size for name, spec in specs.items()}
    assert max(sizes, key=sizes.__getitem__) == REFERENCE


def test_int8_is_symmetric_wherever_it_is_static(specs: dict[str, ModelSpec], folder: Path) -> None:
    for name in (SERVED, "int8 static, all products", "distilled int8 static"):
        graph = onnx.load(folder / specs[name].file).graph
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        steps = [node for node in graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
        zeros = [constants[node.input[2]] for node in steps]
        assert len(zeros) >= 6
        assert all(zero.dtype == np.int8 and not zero.any() for zero in zeros)


def test_served_are_both_wide_products_per_channel_and_the_items_in_int8(
    specs: dict[str, ModelSpec], folder: Path
) -> None:
    graph = onnx.load(folder / specs[SERVED].file).graph
    shapes = sorted(tuple(tensor.dims) for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT8)
    assert [shape for shape in shapes if len(shape) == 2] == [(41, 16), (53, 128), (128, 64)]
    assert [shape for shape in shapes if len(shape) == 1] == [(64,), (128,)]  # zero points, one for each column


def test_the_distilled_ranker_has_a_quarter_of_the_weights_at_most_and_learns_from_its_teacher(
    trained: TrainedRanker,
) -> None:
    scores = scores_of(trained.ranker, LEARNT, LENGTH)
    student = distil(scores, LEARNT, catalogue(), LENGTH, SETTINGS, SEED, SMALL_WIDTH, SMALL_HIDDEN).ranker
    assert _weights(student) <= _weights(trained.ranker) / 4
    untaught = Ranker(catalogue().categories, LEARNT.requests.user_dense, LEARNT.dense, SMALL_WIDTH, SMALL_HIDDEN)
    inputs, held = ASIDE.tensors(LENGTH), held_in(ASIDE)
    best, taught, by_chance = (
        top_of(ranker(**inputs).detach().numpy(), held) for ranker in (trained.ranker, student, untaught)
    )
    assert (best & taught).sum() > (best & by_chance).sum()


def test_all_variants_are_measured_against_the_float_one(trained: TrainedRanker, tmp_path: Path) -> None:
    found = measure_compression(trained, LEARNT, ASIDE, ASIDE, catalogue(), SETTINGS, SEED, LENGTH, tmp_path)
    assert next(iter(found.variants)) == REFERENCE
    assert found.variants[REFERENCE].top20_agreement == 1.0
    assert found.variants[SERVED].agreement_requests == len(ASIDE)
