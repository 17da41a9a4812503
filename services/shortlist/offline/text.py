"""Fit the text encoder: term weights by scikit-learn's TfidfVectorizer, the projection by its TruncatedSVD."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from shortlist.features.text import TextEncoder, words, words_and_grams
from shortlist.release.strings import StringTable

TextKind = Literal["bag of words", "TF-IDF of words", "TF-IDF of words and n-grams"]
DIMENSION = 48
_FEWEST, _MOST_TERMS = 2, 6_000
"""Terms of one item tell nothing of another; 6,000 terms are 0.6 MB in a release."""


def fit_text(
    texts: Sequence[str], seed: int, kind: TextKind | None = "TF-IDF of words", dimension: int = DIMENSION
) -> TextEncoder:
    """Fit on the texts of the items that are known; without a term that two share, every text is encoded as 0.

    Args:
        texts: What can be read of each item.
        seed: Of the projection.
        kind: What a text's terms are and weigh; None: every text is encoded as 0.
        dimension: T of the result.
    """
    has_grams = kind == "TF-IDF of words and n-grams"
    split = words_and_grams if has_grams else words
    vectorizer = TfidfVectorizer(
        analyzer=split,
        min_df=_FEWEST,
        max_features=_MOST_TERMS,
        sublinear_tf=True,
        use_idf=kind != "bag of words",
    )
    try:
        said = vectorizer.fit_transform(texts if kind else ())
    except ValueError:  # "After pruning, no terms remain", or no text holds any
        return TextEncoder(
            StringTable.pack([]), np.zeros(0, np.float32), np.zeros((0, dimension), np.float32), has_grams
        )
    count = min(dimension, min(said.shape) - 1)
    components = np.zeros((said.shape[1], dimension), np.float32)
    if count > 0:
        components[:, :count] = TruncatedSVD(count, random_state=seed).fit(said).components_.T
    terms = vectorizer.get_feature_names_out()
    weights = vectorizer.idf_ if vectorizer.use_idf else np.ones(len(terms))
    return TextEncoder(StringTable.pack(terms.tolist()), weights.astype(np.float32), components, has_grams)
