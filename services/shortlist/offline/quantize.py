"""The int8 ranker out of the float one. Whether it may be served is decided by `gate`.

Static quantization with QDQ nodes, symmetric, because TensorRT refuses anything else; only the network's wide
products, so normalisation, attention and the last layer stay in float. What a product gives is float too: what follows
it is done in float anyway, and rounding in between cost time and agreement. The table of items' vectors is kept in
int8 and made float after it was gathered from.
"""

import contextlib
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from shortlist.core.arrays import AnyArray
from shortlist.offline.export import strip

_LARGE = 4_096  # each of the two wide products holds 8,192 weights, the others 256 at most
_LARGE_TABLE = 512  # the table of types of events holds 112


class _Recorded(CalibrationDataReader):
    """Feeds recorded batches to the calibration."""

    def __init__(self, batches: Sequence[Mapping[str, AnyArray]]) -> None:
        self._batches: Iterator[Mapping[str, AnyArray]] = iter(batches)

    def get_next(self) -> Mapping[str, AnyArray] | None:
        """Give the next batch, None at the end."""
        return next(self._batches, None)


def quantize(
    source: Path, target: Path, batches: Sequence[Mapping[str, AnyArray]], nodes: Sequence[str] | None = None
) -> None:
    """Write the int8 ranker, calibrated on the tensors of real requests.

    Args:
        source: The float ranker.
        target: The file to write.
        batches: Inputs by name.
        nodes: Names of the products in int8; `wide_products` if left out.
    """
    with quietly():
        quantize_static(
            source,
            target,
            _Recorded(batches),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_quantize=list(wide_products(source) if nodes is None else nodes),
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "OpTypesToExcludeOutputQuantization": ["MatMul"],
            },
        )
    _quantize_tables(target)
    strip(target)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Silence onnxruntime's quantizers, which recommend a preprocessing that the exporter has done."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)


def wide_products(path: Path, least: int = _LARGE) -> list[str]:
    """Name the nodes that multiply by a constant matrix of so many weights, where nearly all of the work is."""
    graph = onnx.load(path).graph
    large = {tensor.name for tensor in graph.initializer if math.prod(tensor.dims) >= least}
    return [node.name for node in graph.node if node.op_type in ("MatMul", "Gemm") and node.input[1] in large]


def _quantize_tables(path: Path) -> None:
    """Keep large float tables in int8; onnxruntime's own way would make the whole table float at every request."""
    model = onnx.load(path)
    graph = model.graph
    tables = {
        tensor.name: tensor
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and math.prod(tensor.dims) >= _LARGE_TABLE
    }
    nodes = []
    for node in graph.node:
        nodes.append(node)
        if node.op_type == "Gather" and node.input[0] in tables:
            table, (output,) = node.input[0], node.output
            node.output[0] = f"{output}_int8"
            inputs = [node.output[0], f"{table}_scale", f"{table}_zero_point"]
            nodes.append(helper.make_node("DequantizeLinear", inputs, [output], f"{output}_dequantize"))
    gathered = {node.input[0] for node in graph.node if node.op_type == "Gather"} & set(tables)
    for name in gathered:
        values = numpy_helper.to_array(tables[name])
        scale = np.float32(np.abs(values).max() / 127.0)
        tables[name].CopyFrom(numpy_helper.from_array(np.rint(values / scale).astype(np.int8), name))
        graph.initializer.append(numpy_helper.from_array(np.array(scale), f"{name}_scale"))
        graph.initializer.append(numpy_helper.from_array(np.array(0, np.int8), f"{name}_zero_point"))
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, path)
