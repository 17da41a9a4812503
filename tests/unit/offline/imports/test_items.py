"""Items in each form in which they may come, and one sentence for each way in which they may be wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.imports.items import read_items

IDS = ["a", "b", "c"]
VECTORS = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)


def table(folder: Path, **columns: Any) -> Path:
    """Write three good items, with some columns changed or, by None, left out."""
    held = {"id": IDS, "embedding": VECTORS.tolist()} | columns
    path = folder / "items.parquet"
    pl.DataFrame({name: column for name, column in held.items() if column is not None}).write_parquet(path)
    return path


def matrix(folder: Path, vectors: Any = VECTORS) -> Path:
    np.save(folder / "items.npy", vectors, allow_pickle=True)
    return folder / "items.npy"


def refusal(path: Path, ids: Path | None = None) -> str:
    with pytest.raises(InputError) as refused:
        read_items(path, ids)
    return str(refused.value).replace(f"{path.parent}/", "")


def test_a_table_of_ids_and_embeddings_is_enough_and_what_it_lacks_is_said(tmp_path: Path) -> None:
    items = read_items(table(tmp_path))
    assert list(items.vocabulary.ids) == IDS
    np.testing.assert_array_equal(items.embeddings[:FIRST_ITEM_ROW], 0)
    np.testing.assert_array_equal(items.embeddings[FIRST_ITEM_ROW:], VECTORS.astype(np.float16))
    assert items.columns.shape == (5, 0)
    assert items.popular.tolist() == [2, 3, 4]
    assert np.isnan(items.catalogue.prices).all()
    assert items.catalogue.categories_of(2) == []
    assert items.notes == ("no column popularity: popular are the first items of the file",)


def test_a_table_may_say_more_of_its_items(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        id=[30, 10, 20],
        title=["Tea", None, "Lamp"],
        categories=[["Food", "Tea"], None, ["Home"]],
        price=[1.5, None, 20],
        popularity=[5, 7, None],
        stock=[3, None, 1],
        age=[0.5, 1.5, 2.5],
    )
    items = read_items(path)
    assert list(items.vocabulary.ids) == ["30", "10", "20"]
    assert list(items.catalogue.titles) == ["", "", "Tea", "", "Lamp"]
    assert [items.catalogue.categories_of(row) for row in (2, 3, 4)] == [["Food", "Tea"], [], ["Home"]]
    np.testing.assert_array_equal(items.catalogue.prices[2:], np.array([1.5, np.nan, 20], np.float32))
    assert items.popular.tolist() == [3, 2, 4]
    assert items.column_names == ("stock", "age")
    np.testing.assert_array_equal(items.columns, [[0, 0], [0, 0], [3, 0.5], [0, 1.5], [1, 2.5]])
    assert items.notes == ("item column stock is empty for 1 items: 0 there",)


def test_a_category_may_be_a_text(tmp_path: Path) -> None:
    catalogue = read_items(table(tmp_path, categories=["Tea", "", None])).catalogue
    assert [catalogue.categories_of(row) for row in (2, 3, 4)] == [["Tea"], [], []]


def test_embeddings_that_are_no_unit_vectors_are_kept_and_named(tmp_path: Path) -> None:
    items = read_items(table(tmp_path, embedding=[[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]], popularity=[1, 1, 1]))
    np.testing.assert_array_equal(items.embeddings[2], [3, 4])
    (note,) = items.notes
    assert note.startswith("embeddings have lengths from 2 to 5: ")


@pytest.mark.parametrize("kind", ["txt", "json", "csv", "parquet"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_matrix_takes_its_ids_from_any_kind_of_list(tmp_path: Path, kind: str, dtype: type) -> None:
    path = tmp_path / f"ids.{kind}"
    if kind == "txt":
        path.write_text("\ufeffa\r\nb\nc\n")
    elif kind == "json":
        path.write_text(json.dumps(IDS))
    elif kind == "csv":
        path.write_text("id,price\na,1\nb,2\nc,3\n")
    else:
        pl.DataFrame({"id": IDS}).write_parquet(path)
    items = read_items(matrix(tmp_path, VECTORS.astype(dtype)), path)
    assert list(items.vocabulary.ids) == IDS
    np.testing.assert_array_equal(items.embeddings[FIRST_ITEM_ROW:], VECTORS.astype(np.float16))


TABLES: dict[str, tuple[dict[str, Any], str]] = {
    "no ids": ({"id": None}, "items.parquet: lacks column id; it has embedding"),
    "no embeddings": ({"embedding": None}, "items.parquet: lacks column embedding; it has id"),
    "no items": ({"id": [], "embedding": []}, "items.parquet: the file has no rows"),
    "ids of another kind": (
        {"id": [1.5, 2.5, 3.5]},
        "items.parquet: column id holds Float64, expected text or whole numbers",
    ),
    "an empty id": ({"id": ["a", "", "c"]}, "items.parquet: column id, row 2: '' is empty"),
    "no id": ({"id": ["a", "b", None]}, "items.parquet: column id, row 3: None is empty"),
    "a long id": ({"id": ["a", "é" * 129, "c"]}, f"items.parquet: column id, row 2: '{'é' * 59}... is over 256 bytes"),
    "an id twice": ({"id": ["a", "b", "a"]}, "items.parquet: column id, row 3: 'a' repeats"),
    "texts as embeddings": (
        {"embedding": ["1", "2", "3"]},
        "items.parquet: column embedding holds String, expected lists of numbers",
    ),
    "no embedding": (
        {"embedding": [[1.0, 2.0], None, [0.0, 1.0]]},
        "items.parquet: column embedding, row 2: None ",
    ),
    "another dimension": (
        {"embedding": [[1.0, 2.0], [1.0], [0.0, 1.0]]},
        "items.parquet: column embedding, row 2: [1.0] has another length than 2, that of the first row",
    ),
    "a value that is missing": (
        {"embedding": [[1.0, 2.0], [1.0, None], [0.0, 1.0]]},
        "items.parquet: column embedding: the embedding of item 'b' has a value that is missing, not finite",
    ),
    "a value that is infinite": (
        {"embedding": [[1.0, np.inf], [1.0, 2.0], [0.0, 1.0]]},
        "items.parquet: column embedding: the embedding of item 'a' has a value that is missing, not finite",
    ),
    "a value beyond float16": (
        {"embedding": [[1.0, 2.0], [1.0, 2.0], [0.0, 1e5]]},
        "items.parquet: column embedding: the embedding of item 'c' has a value that is missing, not finite",
    ),
    "an item column of text": (
        {"brand": ["x", "y", "z"]},
        "items.parquet: column brand, row 1: 'x' is not a number",
    ),
    "an item column of flags": (
        {"is_new": [True, False, True]},
        "items.parquet: column is_new holds Boolean, expected numbers, as in every column but id, embedding, title, ",
    ),
    "an item column beyond float32": (
        {"stock": [1.0, 1e39, 0.0]},
        "items.parquet: column stock, row 2: 1e+39 is beyond float32",
    ),
    "a price below 0": ({"price": [1.0, 2.0, -0.5]}, "items.parquet: column price, row 3: -0.5 is below 0"),
    "a price that is none": ({"price": ["1", "free", "2"]}, "items.parquet: column price, row 2: 'free' is not a numb"),
    "categories that are numbers": (
        {"categories": [1, 2, 3]},
        "items.parquet: column categories holds Int64, expected text or lists of text",
    ),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_table_that_is_wrong_is_refused_in_one_sentence(tmp_path: Path, case: str) -> None:
    columns, expected = TABLES[case]
    assert refusal(table(tmp_path, **columns)).startswith(expected)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("a\nb\n")
    vectors = matrix(tmp_path)
    assert refusal(vectors) == "items.npy: an .npy file needs --ids, a file with the id of each of its rows"
    assert refusal(vectors, tmp_path / "ids.txt") == "items.npy: holds 3 embeddings, ids.txt 2 ids"
    assert refusal(table(tmp_path), tmp_path / "ids.txt") == (
        "ids.txt: --ids goes with an .npy file; items.parquet holds its ids itself"
    )


@pytest.mark.parametrize(
    ("vectors", "expected"),
    [
        (VECTORS[0], "holds float32 (2,), expected floats of shape (items, dimension)"),
        (VECTORS.astype(np.int32), "holds int32 (3, 2), expected floats of shape (items, dimension)"),
        (VECTORS[:, :0], "holds float32 (3, 0), expected floats of shape (items, dimension)"),
        (np.array([{}]), "not a NumPy array (Object arrays cannot be loaded when allow_pickle=False)"),
        (VECTORS * np.array([[1], [np.nan], [1]], np.float32), "the embedding of item 'b' has a value that is "),
    ],
)
def test_a_matrix_that_is_wrong_is_refused_in_one_sentence(tmp_path: Path, vectors: Any, expected: str) -> None:
    (tmp_path / "ids.txt").write_text("a\nb\nc\n")
    sentence = refusal(matrix(tmp_path, vectors), tmp_path / "ids.txt")
    assert sentence.removeprefix("items.npy").lstrip(":, ").startswith(expected)


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}', "[1, 2, 3]", "[]"])
def test_a_list_of_ids_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "ids.json").write_text(content)
    assert refusal(matrix(tmp_path), tmp_path / "ids.json").startswith("ids.json: ")


def test_files_that_are_not_there_or_not_what_they_are_called_are_refused_by_name(tmp_path: Path) -> None:
    assert refusal(tmp_path / "items.parquet") == "items.parquet: there is no such file"
    (tmp_path / "items.parquet").write_text("no table")
    assert refusal(tmp_path / "items.parquet").startswith("items.parquet: not a parquet file")
    (tmp_path / "ids.txt").write_text("a\n")
    assert refusal(tmp_path / "items.npy", tmp_path / "ids.txt") == "items.npy: there is no such file"
    (tmp_path / "items.npy").write_text("no array")
    assert refusal(tmp_path / "items.npy", tmp_path / "ids.txt").startswith("items.npy: not a NumPy array")
