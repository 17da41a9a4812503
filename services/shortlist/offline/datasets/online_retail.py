"""UCI Online Retail II: two years of a British gift shop, from a local copy.

Source: Daqing Chen, https://archive.ics.uci.edu/dataset/502/online+retail+ii. The copy may be the file (the workbook,
CSV, CSV in gzip, parquet) or the folder that holds it; the column names of the first edition are understood too. The
workbook's two sheets both hold nine days of December 2010: those are exact duplicates.
"""

from collections import defaultdict
from pathlib import Path

import polars as pl

from shortlist.core.errors import InputError
from shortlist.offline.datasets.files import find_table
from shortlist.offline.datasets.kinds import NUMBER, TEXT
from shortlist.offline.datasets.sales import purchase_events, recent_prices
from shortlist.offline.datasets.scanned_table import ScannedTable
from shortlist.offline.datasets.sieve import Sieve
from shortlist.offline.datasets.titles import derive_categories, readable_title
from shortlist.offline.datasets.workbooks import scan_sheets
from shortlist.offline.log import BehaviourLog, as_items

NAME = "online-retail"
_COLUMNS = {
    "invoice": ("Invoice", "InvoiceNo"),
    "item": ("StockCode",),
    "title": ("Description",),
    "quantity": ("Quantity",),
    "time": ("InvoiceDate",),
    "price": ("Price", "UnitPrice"),
    "user": ("Customer ID", "CustomerID"),
}
_PRODUCT_CODE = r"^\d{5}[A-Z]*$"
"""Everything else is postage, fees, vouchers, samples and corrections (POST, M, D, BANK CHARGES, gift_0001_20)."""
_NOTES = (
    "categories are derived from the last noun of an item's title: the log has none",
    "a stock code's letters are kept: 79323P (pink) and 79323W (white) are two items",
)


def load_online_retail(path: Path | None) -> BehaviourLog:
    """Read the log and clean it of everything that is not a product bought and kept by a known customer.

    Raises:
        InputError: naming the file and the column or row that is wrong.
    """
    if path is None:
        raise InputError(
            f"{NAME} is not downloaded for you: get Online Retail II from "
            "https://archive.ics.uci.edu/dataset/502 and give its folder with --path"
        )
    file = find_table(path, "online_retail*")
    tables = [table.select(_COLUMNS) for table in scan_sheets(file)]
    rows = pl.concat([_typed(table) for table in tables])
    sieve = _clean(rows)
    sieve.require_rows(str(file))
    sales = sieve.rows.with_columns(value=pl.col("quantity") * pl.col("price"))
    return BehaviourLog(
        dataset=NAME,
        events=purchase_events(sales),
        items=_items(sales),
        rows_read=rows.height,
        dropped=sieve.dropped,
        notes=(*_NOTES, *(note for table in tables for note in table.notes)),
    )


def _typed(table: ScannedTable) -> pl.DataFrame:
    texts = dict.fromkeys(("invoice", "item", "title", "user"), TEXT)
    rows = table.collect({**texts, "quantity": NUMBER, "price": NUMBER, "time": table.times("time")})
    return rows.with_columns(
        # The same code is written 85123A and 85123a.
        pl.col("item").str.to_uppercase(),
        # Copies that went through floats say 13085.0.
        pl.col("user").str.strip_suffix(".0"),
    )


def _clean(rows: pl.DataFrame) -> Sieve:
    sieve = Sieve(rows)
    sieve.keep(pl.col("user").is_not_null(), "without a customer")
    sieve.drop_duplicates()
    sieve.keep(pl.col("item").str.contains(_PRODUCT_CODE), "whose stock code is no product")
    sieve.keep(pl.col("time").is_not_null(), "without a time")
    sieve.drop_impossible_times()
    is_cancellation = pl.col("invoice").str.starts_with("C").fill_null(value=False)
    sieve.rows = _mark_taken_back(sieve.rows.with_columns(is_cancellation=is_cancellation))
    sieve.keep(~pl.col("is_cancellation"), "cancellations")
    sieve.keep(~pl.col("is_taken_back"), "purchases that a cancellation takes back")
    sieve.keep((pl.col("quantity") > 0) & (pl.col("price") > 0), "whose quantity or price is not positive")
    sieve.drop_robots()
    return sieve


def _mark_taken_back(rows: pl.DataFrame) -> pl.DataFrame:
    """Mark the purchases that a later cancellation names in full: same customer, item and quantity, the latest first.

    Cancellations of a part of a purchase, or of several at once, match nothing and only drop themselves.
    """
    rows = rows.sort("time", maintain_order=True).with_row_index("row")
    key = ["user", "item", "size"]
    sized = rows.select("row", "user", "item", "is_cancellation", size=pl.col("quantity").abs())
    affected = sized.join(sized.filter("is_cancellation"), on=key, how="semi", maintain_order="left")
    kept: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    taken_back = []
    for row, user, item, is_cancellation, size in affected.iter_rows():
        purchases = kept[user, item, size]
        if not is_cancellation:
            purchases.append(row)
        elif purchases:
            taken_back.append(purchases.pop())
    return rows.with_columns(is_taken_back=pl.col("row").is_in(taken_back)).drop("row")


def _items(sales: pl.DataFrame) -> pl.DataFrame:
    """Name each item by its most frequent description, the first in the alphabet where several are."""
    titles = (
        sales.drop_nulls("title")
        .group_by("item", "title")
        .len()
        .sort(["item", "len", "title"], descending=[False, True, False])
        .unique("item", keep="first", maintain_order=True)
    )
    items = recent_prices(sales).join(titles, on="item", how="left", maintain_order="left")
    readable = [readable_title(title or item) for item, title in items.select("item", "title").iter_rows()]
    kinds = [[kind] for kind in derive_categories(readable)]
    return as_items(items.with_columns(title=pl.Series(readable), categories=pl.Series(kinds)))
