"""The items of a user's own log: from a file of items where there is one, from the events where there is none."""

from dataclasses import dataclass

import polars as pl

from shortlist.offline.datasets.event_mapping import ItemColumns
from shortlist.offline.datasets.files import scan_table
from shortlist.offline.datasets.kinds import NUMBER, TEXT, Kind, names
from shortlist.offline.datasets.scanned_table import ScannedTable
from shortlist.offline.datasets.titles import derive_categories
from shortlist.offline.log import as_items

_NO_TITLES = "titles are the items' ids: the log has none"
_DERIVED = "categories are derived from the last noun of an item's title: the log has none"
_COMPOSED = "titles are composed of categories and attributes: the log has none"


@dataclass(frozen=True, slots=True)
class MappedItems:
    """Items as the log wants them.

    Args:
        items: `ITEM_SCHEMA`, in the order of the ids asked for.
        number_names: What their `numbers` are.
        notes: What was made up, repeated or missing.
    """

    items: pl.DataFrame
    number_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def map_items(ids: pl.Series, columns: ItemColumns | None) -> MappedItems:
    """Describe the items of the events, as far as the file of items does.

    Args:
        ids: (n,) different item ids.
        columns: Section `[items]`; None where there is no such file.

    Raises:
        InputError: naming the file and the column or row that is wrong.
    """
    asked = ids.rename("item").to_frame()
    if columns is None:
        return MappedItems(as_items(asked.with_columns(title="item")), notes=(_NO_TITLES,))
    table = _scan(columns)
    rows = table.collect(_kinds(columns))
    known = rows.drop_nulls("id").unique("id", keep="first", maintain_order=True).with_columns(is_known=True)
    joined = asked.join(known, left_on="item", right_on="id", how="left", maintain_order="left")
    described = _with_categories(joined, columns)
    described = as_items(described.with_columns(_title(columns), *_attributes(columns)))
    counts = {
        "rows have no id, or one that came before, and were left out": rows.height - known.height,
        "items of the events are not in it: their titles are their ids": joined["is_known"].null_count(),
        "prices are negative and count as unknown": int((known["price"] < 0).sum()) if columns.price else 0,
    }
    counted = (f"{table.source}: {count:,} {what}" for what, count in counts.items() if count)
    return MappedItems(
        described, columns.attributes_of("number"), (*table.notes, *counted, *_made_up(described, columns))
    )


def _key(column: str) -> str:
    """Name a column of the file so that it is none of ours."""
    return f"column {column}"


def _scan(columns: ItemColumns) -> ScannedTable:
    ours = {name: (column,) for name in ("id", "title", "price") if (column := getattr(columns, name)) is not None}
    theirs = {_key(column): (column,) for column in (*columns.categories, *columns.attributes)}
    return scan_table(columns.file).select({**ours, **theirs})


def _kinds(columns: ItemColumns) -> dict[str, Kind]:
    """Say how each column is read; attributes that filter or are read may be lists."""
    kinds = {"id": TEXT}
    if columns.title is not None:
        kinds["title"] = TEXT
    if columns.price is not None:
        kinds["price"] = NUMBER
    kinds |= {_key(column): names(columns.separator) for column in columns.categories}
    return kinds | {
        _key(column): NUMBER if kind == "number" else names(None) for column, kind in columns.attributes.items()
    }


def _with_categories(items: pl.DataFrame, columns: ItemColumns) -> pl.DataFrame:
    """Add the categories of the file, else those of the titles, and then the attributes that filter."""
    filtering = columns.attributes_of("category")
    if columns.title is not None and not columns.categories:
        derived = pl.Series(derive_categories(items["title"].fill_null("").to_list()), dtype=pl.String)
        items, found = items.with_columns(derived=derived), [pl.concat_list("derived")]
    else:
        found = [pl.col(_key(column)).fill_null([]) for column in columns.categories]
    lists = [*found, *(pl.col(_key(column)).fill_null([]) for column in filtering)]
    categories = pl.concat_list(lists).list.unique(maintain_order=True) if lists else pl.lit([], pl.List(pl.String))
    return items.with_columns(categories=categories)


def _title(columns: ItemColumns) -> pl.Expr:
    """Take the title, else compose one of the most special category and the attributes that filter, else the id."""
    parts = [_filled(pl.col(_key(column)).list.join(" ")) for column in columns.attributes_of("category")]
    if columns.categories:
        levels = [pl.col(_key(column)).list.last() for column in reversed(columns.categories)]
        parts.insert(0, pl.coalesce(levels))
    composed = [_filled(pl.concat_str(parts, separator=", ", ignore_nulls=True))] if parts else []
    given = [pl.col("title")] if columns.title is not None else []
    return pl.coalesce(*given, *composed, "item").alias("title")


def _filled(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.len_bytes() > 0).then(text)


def _attributes(columns: ItemColumns) -> list[pl.Expr]:
    read = [_filled(pl.col(_key(column)).list.join(", ")) for column in columns.attributes_of("text")]
    numbers = [pl.col(_key(column)).fill_null(float("nan")) for column in columns.attributes_of("number")]
    expressions = []
    if read:
        expressions.append(pl.concat_str(read, separator="; ", ignore_nulls=True).fill_null("").alias("text"))
    if numbers:
        expressions.append(pl.concat_list(numbers).alias("numbers"))
    if columns.price is not None:
        expressions.append(pl.when(pl.col("price") >= 0).then("price").alias("price"))
    return expressions


def _made_up(items: pl.DataFrame, columns: ItemColumns) -> tuple[str, ...]:
    if columns.title is not None:
        return () if columns.categories else (_DERIVED,)
    is_composed = (items["title"] != items["item"]).any()
    return (_COMPOSED if is_composed else _NO_TITLES,)
