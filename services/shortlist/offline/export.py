"""Torch modules to ONNX files, with the batch axis and the number of candidates left open."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from shortlist.release.manifest import TensorSpec

OPSET = 20
_DTYPES = {torch.float32: "float32", torch.float16: "float16", torch.int32: "int32"}


def export_onnx(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    output: str,
    path: Path,
    open_axes: Sequence[str] = (),
) -> None:
    """Write a module in evaluation mode.

    Args:
        module: Takes `inputs` by keyword.
        inputs: Examples, at least two requests and two candidates: an axis of one would be taken as fixed.
        output: Name of the result.
        path: The file.
        open_axes: Inputs whose axis 1, the candidates, is open too.
    """
    batch = torch.export.Dim("batch")
    candidates = torch.export.Dim("candidates")
    shapes = {name: {0: batch, 1: candidates} if name in open_axes else {0: batch} for name in inputs}
    with _quiet():
        torch.onnx.export(
            module.eval(),
            kwargs=dict(inputs),
            f=path,
            input_names=list(inputs),
            output_names=[output],
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            dynamic_shapes=shapes,
            verbose=False,
        )
    strip(path)


def strip(path: Path) -> None:
    """Take out what the exporter wrote beside the graph: each node's stack trace, with paths of the machine."""
    model = onnx.load(path)
    for annotated in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        del annotated.metadata_props[:]
    onnx.save(model, path)


def tensor_specs(inputs: Mapping[str, Tensor], open_axes: Sequence[str] = ()) -> tuple[TensorSpec, ...]:
    """Describe the inputs for the manifest."""
    return tuple(
        TensorSpec(
            name=name,
            dtype=_DTYPES[tensor.dtype],
            shape=(-1, *tensor.shape[2:]) if name in open_axes else tuple(tensor.shape[1:]),
        )
        for name, tensor in inputs.items()
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter, which reports on every operator set that is not installed."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
