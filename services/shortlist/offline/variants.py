"""One trained ranker in every form that ONNX Runtime can make of it, to be compared."""

from collections.abc import Callable
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.transformers.float16 import convert_float_to_float16

from shortlist.offline.distil import SMALL_HIDDEN, SMALL_WIDTH, distil, scores_of
from shortlist.offline.export import export_onnx, strip, tensor_specs
from shortlist.offline.gate import calibration_batches
from shortlist.offline.quantize import quantize, quietly, wide_products
from shortlist.offline.ranker import Ranker
from shortlist.offline.ranker_lists import OPEN_AXES, Lists
from shortlist.offline.ranker_training import RankerSettings, TrainedRanker
from shortlist.release.catalogue import Catalogue
from shortlist.release.manifest import ModelSpec, TensorSpec

REFERENCE = "fp32"
SERVED = "int8 static"
"""What `quantize` writes: the wide products and the table of items."""

_DISTILLED_LARGE = 1_024  # the distilled ranker's wide products hold 1,800 and 2,000 weights
_BLOCK = 32  # weights that share a scale, in weight-only quantization


def write_variants(
    trained: TrainedRanker,
    learnt: Lists,
    catalogue: Catalogue,
    settings: RankerSettings,
    seed: int,
    history_length: int,
    folder: Path,
) -> dict[str, ModelSpec]:
    """Write a ranker's variants into a folder; give them by name, the float one first.

    Args:
        trained: The ranker.
        learnt: The lists that it was trained on: the distilled one learns from them, int8 is calibrated on them.
        catalogue: The items'.
        settings: Of the distilled ranker's training.
        seed: The same.
        history_length: What the rankers look back at.
        folder: Exists.
    """
    inputs = learnt.take(slice(2)).tensors(history_length)
    batches = calibration_batches(learnt, history_length)
    specs: dict[str, ModelSpec] = {}

    def path_of(name: str) -> Path:
        output = TensorSpec(name="score", dtype="float32", shape=(-1,))
        file = f"{name.replace(',', '').replace(' ', '_')}.onnx"
        specs[name] = ModelSpec(file=file, inputs=tensor_specs(inputs, OPEN_AXES), output=output)
        return folder / file

    def exported(ranker: Ranker, name: str) -> Path:
        path = path_of(name)
        export_onnx(ranker, inputs, "score", path, OPEN_AXES)
        return path

    source = exported(trained.ranker, REFERENCE)
    quantize(source, path_of(SERVED), batches)
    quantize(source, path_of("int8 static, all products"), batches, _all_products(source))
    made: dict[str, Callable[[Path, Path], None]] = {
        "int8 dynamic": _dynamic,
        "fp16": _half,
        "weights in 8 bits": lambda source, target: _weights_only(source, target, 8),
        "weights in 4 bits": lambda source, target: _weights_only(source, target, 4),
    }
    for name, make in made.items():
        with quietly():
            make(source, path_of(name))
        strip(path_of(name))
    taught = scores_of(trained.ranker, learnt, history_length)
    student = distil(taught, learnt, catalogue, history_length, settings, seed, SMALL_WIDTH, SMALL_HIDDEN)
    small = exported(student.ranker, "distilled fp32")
    quantize(small, path_of("distilled int8 static"), batches, wide_products(small, _DISTILLED_LARGE))
    return specs


def _all_products(path: Path) -> list[str]:
    return [node.name for node in onnx.load(path).graph.node if node.op_type in ("MatMul", "Gemm")]


def _dynamic(source: Path, target: Path) -> None:
    quantize_dynamic(source, target, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8)


def _half(source: Path, target: Path) -> None:
    # The mask's -10,000 fits; what is smaller than the smallest half is rounded up to it by the converter.
    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


def _weights_only(source: Path, target: Path, bits: int) -> None:
    quantizer = MatMulNBitsQuantizer(onnx.load(source), bits=bits, block_size=_BLOCK, is_symmetric=True)
    quantizer.process()
    quantizer.model.save_model_to_file(str(target))
