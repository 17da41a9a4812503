"""The query tower: a user's history to a point in the space of item embeddings, by ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnxruntime

from shortlist.core.arrays import F16, F32
from shortlist.core.errors import ReleaseRefusedError, UnavailableError
from shortlist.core.types import History
from shortlist.release.manifest import ModelSpec


class QueryTower:
    """Embeds users; safe to call from several threads.

    The graph takes the embeddings of the history's items, not their rows, so an item table is held once for tower,
    index and similar items.
    """

    def __init__(self, path: Path, spec: ModelSpec, embeddings: F16, history_length: int, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise ReleaseRefusedError(path, f"the query tower does not load: {error}") from error
        self._names = [tensor.name for tensor in spec.inputs]
        self._output = spec.output.name
        self._embeddings = embeddings
        self._length = history_length

    def embed(self, history: History, user_dense: F32) -> F32:
        """Embed a batch: (B, D) float32, unit length.

        Raises:
            UnavailableError: the graph failed or its output is not finite.
        """
        newest = history.newest(self._length)
        feeds = {
            "history_embedding": self._embeddings[newest.rows].astype(np.float32),
            "history_mask": (newest.rows > 0).astype(np.float32),
            "history_type": newest.types,
            "history_age": newest.ages,
            "user_dense": user_dense,
        }
        try:
            embedded: F32 = self._session.run([self._output], {name: feeds[name] for name in self._names})[0]
        except Exception as error:
            raise UnavailableError("query_tower", str(error)) from error
        if not np.isfinite(embedded).all():
            raise UnavailableError("query_tower", "its output is not finite")
        return embedded
