"""The int8 ranker out of the float one. Whether it may be served is decided by `gate`.

Static quantization with QDQ nodes, symmetric, because TensorRT refuses anything else; only the network's wide
products, so normalisation, dense inputs, attention and the last layer stay in float. What a product gives is float
too: what follows it, adding and clamping, is done in float anyway, and rounding in between cost time and agreement.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from shortlist.core.arrays import AnyArray
from shortlist.offline.export import strip

_LARGE = 4_096  # the two wide products hold 6,000 and 8,000 weights, the others 2,500 at most


class _Recorded(CalibrationDataReader):
    """Feeds recorded batches to the calibration."""

    def __init__(self, batches: Sequence[Mapping[str, AnyArray]]) -> None:
        self._batches: Iterator[Mapping[str, AnyArray]] = iter(batches)

    def get_next(self) -> Mapping[str, AnyArray] | None:
        """Give the next batch, None at the end."""
        return next(self._batches, None)


def quantize(source: Path, target: Path, batches: Sequence[Mapping[str, AnyArray]]) -> None:
    """Write the int8 ranker, calibrated on the tensors of real requests."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it recommends a preprocessing that the exporter has done
    try:
        quantize_static(
            source,
            target,
            _Recorded(batches),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_quantize=wide_products(source),
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "OpTypesToExcludeOutputQuantization": ["MatMul", "Gather"],
            },
        )
    finally:
        logging.disable(level)
    strip(target)


def wide_products(path: Path) -> list[str]:
    """Name the nodes that multiply by a large constant matrix, where nearly all of the network's work is."""
    graph = onnx.load(path).graph
    large = {tensor.name for tensor in graph.initializer if math.prod(tensor.dims) >= _LARGE}
    return [node.name for node in graph.node if node.op_type in ("MatMul", "Gemm") and node.input[1] in large]
