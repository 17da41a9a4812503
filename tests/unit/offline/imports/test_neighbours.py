"""The nearest items by embedding against a naive oracle, and lists that come with an import."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.imports.neighbours import NEIGHBOURS, nearest, read_neighbours
from shortlist.release.vocabulary import Vocabulary

ITEMS = Vocabulary.build(f"item-{number}" for number in range(40))


def embeddings(vectors: Any) -> Any:
    return np.concatenate([np.zeros((FIRST_ITEM_ROW, np.shape(vectors)[1])), vectors]).astype(np.float16)


def test_the_nearest_are_those_of_the_largest_cosine_whatever_the_lengths() -> None:
    random = np.random.default_rng(3)
    table = embeddings(random.normal(size=(200, 8)) * random.uniform(0.5, 20, (200, 1)))
    vectors = table[FIRST_ITEM_ROW:].astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -1)
    order = np.argsort(-cosines, axis=1)[:, :NEIGHBOURS]
    rows, weights = nearest(table)
    np.testing.assert_array_equal(rows[FIRST_ITEM_ROW:], order + FIRST_ITEM_ROW)
    np.testing.assert_allclose(weights[FIRST_ITEM_ROW:], np.take_along_axis(cosines, order, axis=1), atol=1e-3)
    assert not rows[:FIRST_ITEM_ROW].any()
    assert (rows.dtype, weights.dtype) == (np.int32, np.float16)


def test_an_item_is_never_its_own_neighbour_even_among_many_equals() -> None:
    rows, weights = nearest(embeddings(np.tile([[0.6, 0.8]], (60, 1))))
    assert (rows != np.arange(len(rows))[:, None])[FIRST_ITEM_ROW:].all()
    assert (rows[FIRST_ITEM_ROW:] > 0).all()
    np.testing.assert_allclose(weights[FIRST_ITEM_ROW:], 1.0, atol=1e-3)


def test_what_is_not_alike_and_what_has_no_vector_are_no_neighbours() -> None:
    rows, weights = nearest(embeddings([[1, 0], [-1, 0], [0, 0], [1, 0.1]]))
    np.testing.assert_array_equal(rows > 0, weights > 0)
    assert [sorted(set(row.tolist()) - {0}) for row in rows[FIRST_ITEM_ROW:]] == [[5], [], [], [2]]


def test_one_item_alone_has_no_neighbours() -> None:
    rows, _ = nearest(embeddings([[1, 0]]))
    assert not rows.any()


def pairs(folder: Path, **columns: Any) -> Path:
    good = {"id": ["item-0", "item-1"], "neighbour": ["item-2", "item-3"], "weight": [0.5, 2.0]}
    pl.DataFrame(good | columns).write_parquet(folder / "neighbours.parquet")
    return folder / "neighbours.parquet"


def test_lists_that_come_along_are_sorted_and_cut(tmp_path: Path) -> None:
    others = list(range(1, 40))
    path = pairs(
        tmp_path,
        id=["item-0"] * 39 + ["item-5"],
        neighbour=[f"item-{number}" for number in others] + ["item-0"],
        weight=[float(number) for number in others] + [0.25],
    )
    rows, weights = read_neighbours(path, ITEMS)
    assert rows[FIRST_ITEM_ROW].tolist() == [number + FIRST_ITEM_ROW for number in others[::-1][:NEIGHBOURS]]
    assert weights[FIRST_ITEM_ROW].tolist() == others[::-1][:NEIGHBOURS]
    assert rows[FIRST_ITEM_ROW + 5, :2].tolist() == [FIRST_ITEM_ROW, 0]
    assert not weights[FIRST_ITEM_ROW + 1].any()


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"id": ["item-0", "ghost"]}, "column id, row 2: 'ghost' is not among the items"),
        ({"neighbour": ["ghost", "item-1"]}, "column neighbour, row 1: 'ghost' is not among the items"),
        ({"neighbour": ["item-2", "item-1"]}, "column neighbour, row 2: 'item-1' is the item itself"),
        ({"id": ["item-0"] * 2, "neighbour": ["item-2"] * 2}, "column neighbour, row 2: 'item-2' repeats"),
        ({"weight": [0.5, 0.0]}, "column weight, row 2: 0.0 is not above 0 in float16"),
        ({"weight": [1e9, 0.5]}, "column weight, row 1: 1000000000.0 is not above 0 in float16"),
        ({"weight": [None, 0.5]}, "column weight, row 1: None is not above 0 in float16"),
        ({"weight": ["much", "0.5"]}, "column weight, row 1: 'much' is not a number"),
    ],
)
def test_lists_that_are_wrong_are_refused_in_one_sentence(
    tmp_path: Path, columns: dict[str, Any], expected: str
) -> None:
    path = pairs(tmp_path, **columns)
    with pytest.raises(InputError) as refused:
        read_neighbours(path, ITEMS)
    assert str(refused.value) == f"{path}: {expected}"
