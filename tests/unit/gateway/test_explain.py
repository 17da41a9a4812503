import numpy as np
import pytest

from shortlist.gateway.explain import NEIGHBOURS_SHOWN, explain
from shortlist.release.bundle import Release

FEATURES = np.arange(6, dtype=np.float32).reshape(2, 3)
UNMOVED: list[tuple[str, ...]] = [(), ()]
ROWS = np.array([10, 20], np.int32)


def test_each_item_shows_its_features(tiny_release: Release) -> None:
    explained = explain(ROWS, np.array([5], np.int32), FEATURES, tiny_release, UNMOVED)
    assert [item.features.tolist() for item in explained] == FEATURES.tolist()


def test_the_nearest_items_of_the_history_are_shown_with_their_cosines(tiny_release: Release) -> None:
    history = np.array([30, 31, 32, 33, 34, 35, 0, 0], np.int32)
    vectors = tiny_release.items.embeddings.astype(np.float32)
    cosines = dict(zip(history[:6].tolist(), (vectors[history[:6]] @ vectors[10]).tolist(), strict=True))
    (first, _) = explain(ROWS, history, FEATURES, tiny_release, UNMOVED)
    assert [row for row, _ in first.neighbours] == sorted(cosines, key=lambda row: -cosines[row])[:NEIGHBOURS_SHOWN]
    assert dict(first.neighbours) == pytest.approx({row: cosines[row] for row, _ in first.neighbours}, abs=1e-5)


def test_an_item_of_the_history_is_shown_once(tiny_release: Release) -> None:
    (first, _) = explain(ROWS, np.array([30, 30, 30], np.int32), FEATURES, tiny_release, UNMOVED)
    assert [row for row, _ in first.neighbours] == [30]


@pytest.mark.parametrize("history", [[], [0, 0], [1, 1, 0]])
def test_padding_and_unknown_items_are_no_neighbours(tiny_release: Release, history: list[int]) -> None:
    explained = explain(ROWS, np.array(history, np.int32), FEATURES, tiny_release, UNMOVED)
    assert [item.neighbours for item in explained] == [(), ()]


def test_an_empty_slate_has_no_explanations(tiny_release: Release) -> None:
    nothing = np.zeros(0, np.int32)
    assert explain(nothing, np.array([5], np.int32), np.zeros((0, 3), np.float32), tiny_release, []) == ()


def test_each_item_shows_the_rules_that_moved_it(tiny_release: Release) -> None:
    explained = explain(ROWS, np.array([5], np.int32), FEATURES, tiny_release, [("launch", "tea week"), ()])
    assert [item.rules for item in explained] == [("launch", "tea week"), ()]
