"""The ranker in the process: for a laptop without Triton, for training, and for the lowest latency on one box."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime

from shortlist.core.arrays import F32, AnyArray
from shortlist.core.errors import ReleaseRefusedError, UnavailableError
from shortlist.release.manifest import ModelSpec
from shortlist.resilience.deadline import Deadline


class LocalRanker:
    """Runs the release's ranker with ONNX Runtime.

    A running graph cannot be stopped, so the deadline is not its matter.
    """

    name = "onnxruntime"

    def __init__(self, path: Path, spec: ModelSpec, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise ReleaseRefusedError(path, f"the ranker does not load: {error}") from error
        self._output = spec.output.name

    def score(self, tensors: Mapping[str, AnyArray], deadline: Deadline) -> F32:  # noqa: ARG002  # see class
        """Run the graph."""
        try:
            scores: F32 = self._session.run([self._output], dict(tensors))[0]
        except Exception as error:
            raise UnavailableError("ranker", str(error)) from error
        return checked_scores(scores, tensors["candidates"].shape)

    def close(self) -> None:
        """Do nothing: the session goes with the object."""


def checked_scores(scores: F32, shape: tuple[int, ...]) -> F32:
    """Pass scores of the expected shape that are all finite.

    Raises:
        UnavailableError: they are not.
    """
    if scores.shape != shape:
        raise UnavailableError("ranker", f"scores of shape {scores.shape} for candidates of shape {shape}")
    if not np.isfinite(scores).all():
        raise UnavailableError("ranker", "scores that are not finite")
    return scores
