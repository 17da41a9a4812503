"""Where items without a history are placed: by their text and categories, in the space of the release's embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import F32, I32, AnyArray
from shortlist.features.text import TextEncoder


@dataclass(frozen=True, slots=True)
class ContentMap:
    """A linear map from content to embeddings; offline/content.py fits it.

    What it is not sure of it places near the mean: such directions are shorter, and are found after surer ones.

    Args:
        encoder: Of texts, to T numbers.
        text_weights: (T, D) float32.
        category_weights: (K, D) float32, for each category; number 0 is none, and 0.
        mean: (D,) float32, of items of which nothing is known.
    """

    encoder: TextEncoder
    text_weights: F32
    category_weights: F32
    mean: F32

    def embed(self, texts: Sequence[str], categories: I32) -> F32:
        """Place n items by their texts and (n, levels) categories, 0 for none: (n, D) float32, the bias last."""
        told = self.encoder.encode(texts) @ self.text_weights
        placed: F32 = self.mean + told + self.category_weights[categories].sum(axis=1)
        return placed

    def arrays(self) -> dict[str, AnyArray]:
        """Name the arrays for an npz file."""
        return {
            **self.encoder.arrays(),
            "text_weights": self.text_weights,
            "category_weights": self.category_weights.astype(np.float16),
            "mean": self.mean,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, AnyArray]) -> "ContentMap":
        """Read what `arrays` named; KeyError or ValueError where it does not fit together."""
        encoder, texts, mean = TextEncoder.from_arrays(arrays), arrays["text_weights"], arrays["mean"]
        categories = arrays["category_weights"].astype(np.float32)
        if texts.shape != (encoder.components.shape[1], len(mean)) or categories.shape[1:] != mean.shape:
            raise ValueError("content map is inconsistent")
        return cls(encoder, texts, categories, mean)
