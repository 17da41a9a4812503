"""What serving computes is what scikit-learn, which fits it, computes."""

from typing import get_args

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from shortlist.features.text import unit, words, words_and_grams
from shortlist.offline.text import TextKind, fit_text

RANDOM = np.random.default_rng(0)
NOUNS, COLOURS = ("clock", "lamp", "candle", "garland", "mug"), ("red", "ivory", "green", "blue")
TEXTS = [f"{RANDOM.choice(COLOURS)} {RANDOM.choice(NOUNS)} {RANDOM.choice(NOUNS)}" for _ in range(60)]


@pytest.mark.parametrize("kind", get_args(TextKind))
def test_serving_encodes_as_scikit_learn_does(kind: TextKind) -> None:
    encoder = fit_text(TEXTS, 1, kind, dimension=4)
    split = words_and_grams if encoder.has_grams else words
    vectorizer = TfidfVectorizer(analyzer=split, min_df=2, sublinear_tf=True, use_idf=kind != "bag of words")
    said = vectorizer.fit_transform(TEXTS)
    expected = unit(TruncatedSVD(4, random_state=1).fit(said).transform(said).astype(np.float32))
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-4)


def test_texts_that_share_words_are_near() -> None:
    clock, other_clock, lamp = fit_text(TEXTS, 1, "TF-IDF of words", dimension=4).encode(
        ["red clock", "ivory clock", "green lamp"]
    )
    assert clock @ other_clock > clock @ lamp


@pytest.mark.parametrize(
    ("texts", "kind"),
    [([], "TF-IDF of words"), (["", ""], "TF-IDF of words"), (["red", "lamp"], "bag of words"), (TEXTS, None)],
)
def test_without_a_shared_term_or_a_kind_there_is_nothing_to_read(texts: list[str], kind: TextKind | None) -> None:
    encoder = fit_text(texts, 1, kind, dimension=4)
    assert encoder.encode(["red clock", ""]).tolist() == [[0.0] * 4, [0.0] * 4]


def test_fewer_terms_than_dimensions_leave_the_rest_zero() -> None:
    encoded = fit_text(["red mug", "red mug", "red"], 1, "TF-IDF of words", dimension=8).encode(["red"])
    assert encoded.shape == (1, 8)
    assert np.count_nonzero(encoded) == 1
