import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.offline.datasets import load

_MILK = {"department": "GROCERY", "product_category": "FLUID MILK PRODUCTS", "product_type": "CHOCOLATE MILK"}
_NOTHING = {"department": "MISCELLANEOUS", "product_category": None, "product_type": None}


def _sale(product: int, **changes: Any) -> dict[str, Any]:
    sale = {
        "household_id": 900,
        "basket_id": 31198570044,
        "product_id": product,
        "quantity": 2,
        "sales_value": 3.0,
        "transaction_timestamp": datetime(2017, 1, 1, 11, 53, 26),
    }
    return sale | changes


def _product(product: int, **fields: Any) -> dict[str, Any]:
    return {"product_id": product, "brand": "Private", "package_size": "8 OZ"} | fields


def _write(folder: Path, sales: list[dict[str, Any]], products: list[dict[str, Any]]) -> Path:
    pl.DataFrame(sales).write_parquet(folder / "transactions.parquet")
    pl.DataFrame(products, infer_schema_length=None).write_parquet(folder / "products.parquet")
    return folder


def test_a_sale_becomes_an_event_and_a_product_an_item_with_a_composed_title(tmp_path: Path) -> None:
    log = load("completejourney", _write(tmp_path, [_sale(1)], [_product(1, **_MILK)]))
    assert log.events.rows() == [("900", "1", 5, 1_483_271_606, 3.0)]
    categories = ["Grocery", "Fluid milk products", "Chocolate milk"]
    assert log.items.rows() == [("1", "Chocolate milk, 8 oz (Private)", categories, 1.5, "", [])]
    assert "simulated from real shopping patterns, say its authors" in log.notes


def test_what_is_no_product_or_was_not_paid_for_is_dropped_and_counted(tmp_path: Path) -> None:
    fuel = {"department": "FUEL", "product_category": "COUPON/MISC ITEMS", "product_type": "GASOLINE"}
    sales = [_sale(1), _sale(1), _sale(2), _sale(3), _sale(4), _sale(1, quantity=0), _sale(1, sales_value=0.0)]
    products = [_product(1, **_MILK), _product(2, **fuel), _product(3, **_NOTHING)]
    log = load("completejourney", _write(tmp_path, sales, products))
    assert log.events.height == 1
    assert {line.reason: line.rows for line in log.dropped if line.rows} == {
        "exact duplicates": 1,
        "whose product is not in the product table": 1,
        "of fuel, gift cards, coupons and till corrections": 1,
        "whose product has neither category nor type": 1,
        "whose quantity or sales value is not positive": 2,
    }


def test_a_product_bought_again_in_another_basket_of_the_same_minute_is_no_duplicate(tmp_path: Path) -> None:
    sales = [_sale(1), _sale(1, basket_id=31198570045)]
    assert load("completejourney", _write(tmp_path, sales, [_product(1, **_MILK)])).events.height == 2


def test_levels_that_a_product_lacks_are_left_out_of_its_categories(tmp_path: Path) -> None:
    kind = {"department": "DELI", "product_category": None, "product_type": "INSTORE CUT FRUIT"}
    sales = [_sale(1), _sale(2)]
    log = load("completejourney", _write(tmp_path, sales, [_product(1, **_MILK), _product(2, **kind)]))
    assert log.items["categories"].to_list()[1] == ["Deli", "Instore cut fruit"]


def test_the_log_is_read_out_of_a_wheel(tmp_path: Path) -> None:
    folder = _write(tmp_path, [_sale(1)], [_product(1, **_MILK)])
    wheel = tmp_path / "log.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("transactions.parquet", "products.parquet"):
            archive.write(folder / name, f"package/{name}")
    assert load("completejourney", wheel).events.height == 1


def test_a_wheel_without_the_files_or_that_is_none_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.whl", "w"):
        pass
    with pytest.raises(InputError, match=r"empty\.whl: holds no transactions\.parquet"):
        load("completejourney", tmp_path / "empty.whl")
    (tmp_path / "broken.whl").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"broken\.whl: not a readable wheel"):
        load("completejourney", tmp_path / "broken.whl")


def test_a_folder_without_transactions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"one file named transactions\.parquet is wanted, found: none"):
        load("completejourney", tmp_path)
