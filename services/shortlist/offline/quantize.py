"""The int8 ranker, and whether it may be served: measured against the float one, or not written.

Static quantization with QDQ nodes, symmetric, because TensorRT refuses anything else; only the network's matrix
products, so attention and normalisation stay in float.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from shortlist.core.arrays import AnyArray


class _Recorded(CalibrationDataReader):  # type: ignore[misc]  # the package has no types
    """Feeds recorded requests to the calibration, one batch at a time."""

    def __init__(self, batches: Sequence[Mapping[str, AnyArray]]) -> None:
        self._batches: Iterator[Mapping[str, AnyArray]] = iter(batches)

    def get_next(self) -> Mapping[str, AnyArray] | None:
        """Give the next batch, None at the end."""
        return next(self._batches, None)


def quantize(source: Path, target: Path, batches: Sequence[Mapping[str, AnyArray]]) -> None:
    """Write the int8 ranker, calibrated on the tensors of real requests."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
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
            nodes_to_quantize=weighted_products(source),
            extra_options={"ActivationSymmetric": True, "WeightSymmetric": True},
        )
    finally:
        logging.disable(level)


def weighted_products(path: Path) -> list[str]:
    """Name the nodes that multiply by a constant matrix."""
    graph = onnx.load(path).graph
    constants = {tensor.name for tensor in graph.initializer}
    return [node.name for node in graph.node if node.op_type in ("MatMul", "Gemm") and node.input[1] in constants]
