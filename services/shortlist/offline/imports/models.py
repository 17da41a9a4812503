"""The models of an import: what their graphs take and give, against what serving sends and reads.

ONNX Runtime reads names, types and shapes; nothing else is needed to look at a graph.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from shortlist.core.errors import InputError
from shortlist.features.encode import USER_DENSE
from shortlist.features.row import MAX_EVENTS
from shortlist.offline.imports.tables import existing
from shortlist.release.manifest import Precision, TensorSpec

QUERY, SCORE = "query", "score"
HISTORY_LENGTH = 50
"""Events that models see which take any number of them."""
_BY_EVENT = ("history_embedding", "history_mask", "history", "history_type", "history_age")
_NEEDED = ("candidates", "candidate_dense")  # the shape of the scores, and what explanations show
_TYPES = {"float32": "tensor(float)", "int32": "tensor(int32)"}
_QUANTIZED = (b"QuantizeLinear", b"QLinear", b"MatMulInteger", b"ConvInteger")

Axes = Sequence[int | str | None]


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output: its ONNX type and its axes, numbers where they are fixed."""

    name: str
    type: str
    axes: Axes


@dataclass(frozen=True, slots=True)
class Graph:
    """A model's tensors; `source` is what errors call it."""

    source: Path
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@contextmanager
def quiet() -> Iterator[None]:
    """Let ONNX Runtime log nothing: what is wrong is said once, in the error."""
    onnxruntime.set_default_logger_severity(4)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(2)  # warnings, what it starts with; it cannot be asked


def copy_model(source: Path, target: Path) -> Graph:
    """Copy a model into a release and read its tensors there: it must stand alone.

    Raises:
        InputError: it is not there, or ONNX Runtime does not load it.
    """
    shutil.copyfile(existing(source), target)
    try:
        session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class
        reason = str(error).partition("\n")[0]
        hint = "; save its weights inside the file (external_data=False)" if "external" in reason.lower() else ""
        raise InputError(f"{source}: ONNX Runtime does not load it: {reason}{hint}") from error
    inputs, outputs = (
        tuple(Tensor(found.name, found.type, tuple(found.shape)) for found in listed)
        for listed in (session.get_inputs(), session.get_outputs())
    )
    return Graph(source, inputs, outputs)


def precision_of(path: Path) -> Precision:
    """Tell whether a graph is quantized: operators stand by name in an ONNX file; InputError where there is none."""
    content = existing(path).read_bytes()
    return "int8" if any(operator in content for operator in _QUANTIZED) else "fp32"


def history_length(*graphs: Graph) -> int:
    """Find the number of events that the models look at; `HISTORY_LENGTH` where they take any.

    Raises:
        InputError: they differ, or ask for more than a user row holds.
    """
    length, held_by = None, ""
    for graph in graphs:
        for tensor in graph.inputs:
            if tensor.name not in _BY_EVENT or len(tensor.axes) < 2 or not isinstance(tensor.axes[1], int):
                continue
            here = f"{graph.source}: {tensor.name}"
            if length is not None and tensor.axes[1] != length:
                raise InputError(f"{here} holds {tensor.axes[1]} events, {held_by} {length}; expected one length")
            length, held_by = tensor.axes[1], here
    if length is not None and not 1 <= length <= MAX_EVENTS:
        raise InputError(f"{held_by} holds {length} events, expected 1 to {MAX_EVENTS}, what a user row holds")
    return HISTORY_LENGTH if length is None else length


def tower_inputs(length: int, dimension: int) -> tuple[TensorSpec, ...]:
    """Name what a query tower may take of L events and D dimensions; see `retrieval.tower`."""
    return (
        TensorSpec(name="history_embedding", dtype="float32", shape=(length, dimension)),
        TensorSpec(name="history_mask", dtype="float32", shape=(length,)),
        *_user_inputs(length),
    )


def ranker_inputs(length: int, dense: Sequence[str]) -> tuple[TensorSpec, ...]:
    """Name what a ranker may take of L events and these columns of `candidate_dense`; see `ranking.tensors`."""
    return (
        TensorSpec(name="history", dtype="int32", shape=(length,)),
        *_user_inputs(length),
        TensorSpec(name="candidates", dtype="int32", shape=(-1,)),
        TensorSpec(name="candidate_dense", dtype="float32", shape=(-1, len(dense))),
    )


def _user_inputs(length: int) -> tuple[TensorSpec, ...]:
    return (
        TensorSpec(name="history_type", dtype="int32", shape=(length,)),
        TensorSpec(name="history_age", dtype="float32", shape=(length,)),
        TensorSpec(name="user_dense", dtype="float32", shape=(len(USER_DENSE),)),
    )


def checked_inputs(graph: Graph, contract: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Match a graph's inputs with the contract's, in the graph's order.

    Raises:
        InputError: a name that the contract lacks, another type or shape, or a fixed axis that must be open.
    """
    known = {spec.name: spec for spec in contract}
    for tensor in graph.inputs:
        if tensor.name not in known:
            raise InputError(f"{graph.source}: takes {tensor.name}, expected only {', '.join(known)}")
        _check(graph, tensor, known[tensor.name])
    return tuple(known[tensor.name] for tensor in graph.inputs)


def require_candidates(graph: Graph) -> None:
    """Refuse a ranker that does not take what serving always gives; InputError names it."""
    taken = {tensor.name for tensor in graph.inputs}
    for name in _NEEDED:
        if name not in taken:
            raise InputError(
                f"{graph.source}: takes {', '.join(sorted(taken)) or 'nothing'}, expected {name} among them"
            )


def checked_output(graph: Graph, spec: TensorSpec) -> TensorSpec:
    """Find the output of this name and check it; other outputs are never computed."""
    for tensor in graph.outputs:
        if tensor.name == spec.name:
            _check(graph, tensor, spec)
            return spec
    names = ", ".join(tensor.name for tensor in graph.outputs)
    raise InputError(f"{graph.source}: gives {names}, expected {spec.name}")


def _check(graph: Graph, tensor: Tensor, spec: TensorSpec) -> None:
    if tensor.type != _TYPES[spec.dtype]:
        raise InputError(f"{graph.source}: {tensor.name} is {tensor.type}, expected {_TYPES[spec.dtype]}")
    expected: Axes = ("batch", *("candidates" if size < 0 else size for size in spec.shape))
    fits = len(tensor.axes) == len(expected) and all(map(_fits, tensor.axes, expected))
    if not fits:
        raise InputError(
            f"{graph.source}: {tensor.name} has shape {_shown(tensor.axes)}, expected {_shown(expected)}; "
            "axes with a name are open (dynamic) ones"
        )


def _fits(found: int | str | None, expected: int | str | None) -> bool:
    """Tell whether an axis is open where it must be; an open axis takes every number."""
    return not isinstance(found, int) or found == expected


def _shown(axes: Axes) -> str:
    return f"({', '.join('?' if axis is None else str(axis) for axis in axes)})"
