import math
from pathlib import Path

import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.offline.datasets.event_items import MappedItems, map_items
from shortlist.offline.datasets.event_mapping import ItemColumns
from shortlist.offline.log import ITEM_SCHEMA
from support.own_logs import write_table

_HEADER = ("sku", "name", "dept", "class", "cost", "maker", "grams", "blurb", "title")
_ROW = ("a", "Tea Tin", "Home", "Tins", "3.5", "Acme", "120", "Keeps tea.", "ignored")


def _map(
    folder: Path,
    *rows: tuple[str, ...],
    ids: tuple[str, ...] = ("a",),
    title: str | None = "name",
    categories: tuple[str, ...] = (),
    separator: str | None = None,
    price: str | None = None,
    attributes: dict[str, str] | None = None,
) -> MappedItems:
    path = write_table(folder / "items.csv", _HEADER, rows or (_ROW,))
    columns = ItemColumns.model_validate(
        {
            "file": path,
            "id": "sku",
            "title": title,
            "categories": categories,
            "separator": separator,
            "price": price,
            "attributes": attributes or {},
        }
    )
    return map_items(pl.Series(ids), columns)


def _row(**changes: str) -> tuple[str, ...]:
    return tuple(changes.get(name, value) for name, value in zip(_HEADER, _ROW, strict=True))


def test_an_item_has_what_the_mapped_columns_say(tmp_path: Path) -> None:
    attributes = {"maker": "category", "grams": "number", "blurb": "text", "title": "text"}
    mapped = _map(tmp_path, categories=("dept", "class"), price="cost", attributes=attributes)
    assert mapped.items.schema == ITEM_SCHEMA
    assert mapped.items.rows() == [("a", "Tea Tin", ["Home", "Tins", "Acme"], 3.5, "Keeps tea.; ignored", [120.0])]
    assert (mapped.number_names, mapped.notes) == (("grams",), ())


def test_items_come_in_the_order_asked_and_only_those(tmp_path: Path) -> None:
    mapped = _map(tmp_path, _row(sku="a"), _row(sku="b"), _row(sku="c"), ids=("c", "a"))
    assert mapped.items["item"].to_list() == ["c", "a"]


def test_several_categories_may_stand_in_one_column(tmp_path: Path) -> None:
    mapped = _map(tmp_path, _row(dept="Home > Tins >Home"), categories=("dept",), separator=">")
    assert mapped.items["categories"].to_list() == [["Home", "Tins"]]


def test_missing_categories_are_left_out(tmp_path: Path) -> None:
    mapped = _map(tmp_path, _row(dept=""), categories=("dept", "class"), attributes={"maker": "category"})
    assert mapped.items["categories"].to_list() == [["Tins", "Acme"]]


def test_without_categories_they_are_derived_from_titles_and_that_is_noted(tmp_path: Path) -> None:
    tins = [_row(sku=str(n), name=f"Tin {n}") for n in range(12)]
    mapped = _map(tmp_path, *tins, _row(sku="x", name=""), ids=("3", "x"), attributes={"maker": "category"})
    assert mapped.items["categories"].to_list() == [["Other", "Acme"], ["Other", "Acme"]]
    mapped = _map(tmp_path, *tins, ids=tuple(str(n) for n in range(12)))
    assert mapped.items["categories"].to_list() == [["Tin"]] * 12
    assert mapped.notes == ("categories are derived from the last noun of an item's title: the log has none",)


def test_without_titles_they_are_composed_of_the_most_special_category_and_what_filters(tmp_path: Path) -> None:
    rows = (_row(sku="a"), _row(sku="b", **{"class": ""}), _row(sku="c", dept="", maker="", **{"class": ""}))
    mapped = _map(
        tmp_path,
        *rows,
        ids=("a", "b", "c"),
        title=None,
        categories=("dept", "class"),
        attributes={"maker": "category", "blurb": "text"},
    )
    assert mapped.items["title"].to_list() == ["Tins, Acme", "Home, Acme", "c"]
    assert mapped.notes == ("titles are composed of categories and attributes: the log has none",)


def test_items_that_the_file_does_not_describe_are_noted_and_empty(tmp_path: Path) -> None:
    attributes = {"grams": "number", "blurb": "text", "maker": "category"}
    mapped = _map(tmp_path, ids=("a", "new"), categories=("dept",), price="cost", attributes=attributes)
    item, title, categories, price, text, (grams,) = mapped.items.row(1)
    assert (item, title, categories, price, text) == ("new", "new", [], None, "")
    assert math.isnan(grams)
    assert mapped.notes == (
        f"{tmp_path / 'items.csv'}: 1 items of the events are not in it: their titles are their ids",
    )


def test_missing_numbers_and_texts_are_unknown_or_left_out(tmp_path: Path) -> None:
    attributes = {"grams": "number", "cost": "number", "maker": "text", "blurb": "text"}
    mapped = _map(tmp_path, _row(grams="", maker=""), attributes=attributes)
    assert mapped.number_names == ("grams", "cost")
    assert mapped.items["text"].to_list() == ["Keeps tea."]
    grams, cost = mapped.items["numbers"].to_list()[0]
    assert math.isnan(grams)
    assert cost == 3.5


def test_of_rows_with_one_id_the_first_counts_and_negative_prices_are_unknown(tmp_path: Path) -> None:
    rows = (_row(), _row(name="Other"), _row(sku=""), _row(sku="b", cost="-1"))
    mapped = _map(tmp_path, *rows, ids=("a", "b"), categories=("dept",), price="cost")
    assert mapped.items["title"].to_list() == ["Tea Tin", "Tea Tin"]
    assert mapped.items["price"].to_list() == [3.5, None]
    path = tmp_path / "items.csv"
    assert mapped.notes == (
        f"{path}: 2 rows have no id, or one that came before, and were left out",
        f"{path}: 1 prices are negative and count as unknown",
    )


def test_lists_in_a_parquet_file_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    pl.DataFrame({"sku": [1.0], "genres": [["Drama", "War"]], "tags": [["sad", "long"]]}).write_parquet(path)
    attributes = {"tags": "text"}
    columns = ItemColumns.model_validate({"file": path, "id": "sku", "categories": "genres", "attributes": attributes})
    mapped = map_items(pl.Series(["1"]), columns)
    assert mapped.items.rows() == [("1", "War", ["Drama", "War"], None, "sad, long", [])]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cost": "free"}, "column cost, row 3: 'free' is not a number"),
        ({"grams": "heavy"}, "column grams, row 3: 'heavy' is not a number"),
    ],
)
def test_a_price_or_number_that_is_none_is_refused_by_file_column_and_row(
    tmp_path: Path, changes: dict[str, str], sentence: str
) -> None:
    with pytest.raises(InputError, match=rf"items\.csv: {sentence}"):
        _map(tmp_path, _row(), _row(sku="b", **changes), price="cost", attributes={"grams": "number"})


def test_missing_columns_of_items_are_named_as_the_file_should_call_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"items\.csv: lacks column kind, colour; it has sku, name"):
        _map(tmp_path, categories=("kind",), attributes={"colour": "category"})
