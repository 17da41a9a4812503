import numpy as np
import pytest

from shortlist.features.content import ContentMap
from shortlist.offline.content import fit_content
from shortlist.offline.text import fit_text

TEXTS = ("", "", *("red mug", "blue mug", "red lamp", "blue lamp") * 10)
CATEGORIES = np.array([[0], [0], *[[1], [1], [2], [2]] * 10], np.int32)
EMBEDDINGS = np.zeros((len(TEXTS), 4), np.float32)
EMBEDDINGS[2:, 0] = CATEGORIES[2:, 0] == 1
EMBEDDINGS[2:, 1] = ["red" in text for text in TEXTS[2:]]
EMBEDDINGS[2:, 3] = 0.5
KNOWN = 38  # the last four were never sold


@pytest.fixture(scope="module")
def content() -> ContentMap:
    """Fit on what was sold."""
    encoder = fit_text(TEXTS[2:KNOWN], 1, dimension=3)
    later = EMBEDDINGS.copy()
    later[KNOWN:] = 99.0
    return fit_content(encoder, encoder.encode(TEXTS), CATEGORIES, later, KNOWN)


def test_text_and_category_place_an_item_and_the_future_is_not_seen(content: ContentMap) -> None:
    placed = content.embed(["red mug", "blue lamp"], np.array([[1], [2]], np.int32))
    np.testing.assert_allclose(placed, [[1.0, 1.0, 0.0, 0.5], [0.0, 0.0, 0.0, 0.5]], atol=0.15)


def test_what_nothing_is_known_of_is_placed_at_the_mean(content: ContentMap) -> None:
    (nowhere,) = content.embed(["something else"], np.array([[0]], np.int32))
    np.testing.assert_array_equal(nowhere, content.mean)


def test_a_map_survives_its_arrays(content: ContentMap) -> None:
    again = ContentMap.from_arrays(content.arrays())
    kinds = np.array([[1]], np.int32)
    np.testing.assert_allclose(again.embed(["red mug"], kinds), content.embed(["red mug"], kinds), atol=2e-3)


def test_arrays_that_do_not_fit_together_are_refused(content: ContentMap) -> None:
    with pytest.raises(ValueError, match="inconsistent"):
        ContentMap.from_arrays(content.arrays() | {"mean": np.zeros(3, np.float32)})
