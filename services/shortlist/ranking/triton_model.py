"""The ranker inside Triton's Python backend: any ONNX model, by ONNX Runtime.

Triton runs this file in a process of its own; it is sent over the wire as the model's model.py and imports nothing
of Shortlist. NVIDIA's container runs the same model.onnx with its native backend and does not need it.

Tensors cross by DLPack: the stub of the wheel's server was built for NumPy 1, and its `as_numpy` and `Tensor(array)`
give wrong values under NumPy 2 without raising.
"""

import ctypes
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

_USED = b"used_dltensor"  # kept here: a capsule borrows its name
_set_capsule_name = ctypes.pythonapi.PyCapsule_SetName
_set_capsule_name.argtypes = (ctypes.py_object, ctypes.c_char_p)


class TritonPythonModel:
    """Triton's interface of a Python model."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model that lies beside this file."""
        config = json.loads(args["model_config"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(config["parameters"]["intra_op_thread_count"]["string_value"])
        options.inter_op_num_threads = 1
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._output = config["output"][0]["name"]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Run what Triton's dynamic batcher put together as one batch, and split the scores again."""
        parts = [
            [np.from_dlpack(pb_utils.get_input_tensor_by_name(request, name)) for name in self._inputs]
            for request in requests
        ]
        if len(parts) == 1:
            return [self._response(self._run(parts[0]))]
        scores = self._run([np.concatenate(tensors) for tensors in zip(*parts, strict=True)])
        ends = np.cumsum([len(tensors[0]) for tensors in parts])[:-1]
        return [self._response(part) for part in np.split(scores, ends)]

    def _run(self, tensors: list[Any]) -> Any:
        return self._session.run([self._output], dict(zip(self._inputs, tensors, strict=True)))[0]

    def _response(self, scores: Any) -> Any:
        capsule = np.ascontiguousarray(scores).__dlpack__()
        tensor = pb_utils.Tensor.from_dlpack(self._output, capsule)
        # The stub renames what it took to "used_dlpack"; NumPy knows only the standard's name for that, and would
        # write a traceback to the log for every answer.
        _set_capsule_name(capsule, _USED)
        return pb_utils.InferenceResponse([tensor])
