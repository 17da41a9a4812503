"""Item texts as vectors: one definition for training, which fits it, and for serving items that came later."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shortlist.core.arrays import F32, AnyArray
from shortlist.release.strings import StringTable

_WORD = re.compile(r"[^\W_]+")
_GRAMS = (3, 4)


def words(text: str) -> list[str]:
    """Split a text into lower-case words and numbers."""
    return _WORD.findall(text.lower())


def words_and_grams(text: str) -> list[str]:
    """Split a text into words, and each word into its 3- and 4-grams with its borders: "tea" gives "<te", "<tea", ...

    The n-grams let "candles" be near "candle", and a misspelt word near the right one.
    """
    listed = words(text)
    marked = [f"<{word}>" for word in listed]
    return listed + [word[at : at + n] for word in marked for n in _GRAMS for at in range(len(word) - n + 1)]


@dataclass(frozen=True)
class TextEncoder:
    """Maps texts to points near which texts of the same words lie.

    Terms are counted, damped to 1 + log(count), weighted by rarity, scaled to unit length and projected. So do
    scikit-learn's TfidfVectorizer (sublinear) and TruncatedSVD, which fit it: offline/text.py.

    Args:
        terms: V known terms; others are ignored.
        weights: (V,) float32, what a term weighs, such as its inverse document frequency.
        components: (V, T) float32, the projection.
        has_grams: Whether terms are `words_and_grams` or `words`.
    """

    terms: StringTable
    weights: F32
    components: F32
    has_grams: bool

    def encode(self, texts: Sequence[str]) -> F32:
        """Encode n texts as (n, T) float32 of unit length, 0 for a text without a known term."""
        place_of = self._place_of
        split = words_and_grams if self.has_grams else words
        encoded = np.zeros((len(texts), self.components.shape[1]), np.float32)
        for row, text in enumerate(texts):
            encoded[row] = self._project(Counter(place_of[term] for term in split(text) if term in place_of))
        return unit(encoded)

    @cached_property
    def _place_of(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.terms)}

    def _project(self, counts: Counter[int]) -> F32:
        places = np.fromiter(counts.keys(), np.int64, len(counts))
        said = (1.0 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))) * self.weights[places]
        projected: F32 = said.astype(np.float32) @ self.components[places]
        return projected

    def arrays(self) -> dict[str, AnyArray]:
        """Name the arrays for an npz file."""
        return {
            **self.terms.arrays("term"),
            "weights": self.weights,
            "components": self.components.astype(np.float16),
            "has_grams": np.array(self.has_grams),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, AnyArray]) -> "TextEncoder":
        """Read what `arrays` named; KeyError or ValueError where it does not fit together."""
        terms = StringTable.from_arrays("term", arrays)
        weights, components = arrays["weights"], arrays["components"].astype(np.float32)
        if not len(terms) == len(weights) == len(components):
            raise ValueError("text encoder is inconsistent")
        return cls(terms, weights, components, bool(arrays["has_grams"]))


def unit(vectors: F32) -> F32:
    """Scale rows to unit length; rows of 0 stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: F32 = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return scaled
