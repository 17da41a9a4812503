"""The ranking port: scores for a batch of candidates."""

from collections.abc import Mapping
from typing import Protocol

from shortlist.core.arrays import F32, AnyArray
from shortlist.resilience.deadline import Deadline


class Ranker(Protocol):
    """Scores candidates; safe to call from several threads."""

    @property
    def name(self) -> str:
        """Where it runs: "triton" or "onnxruntime"."""

    def score(self, tensors: Mapping[str, AnyArray], deadline: Deadline) -> F32:
        """Score a batch as (B, N) float32, finite; what stands where a candidate is padding is meaningless.

        Raises:
            UnavailableError: no answer before the deadline, or an answer that is no scores.
        """

    def close(self) -> None:
        """Release connections and models."""
