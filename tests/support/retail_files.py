"""Small files in the format of UCI's Online Retail II."""

import csv
from collections.abc import Sequence
from pathlib import Path

HEADER = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")


def retail_row(
    customer: str = "13085",
    code: str = "85048",
    *,
    invoice: str = "489434",
    title: str = "GLASS BALL LIGHTS",
    quantity: object = 2,
    time: str = "2009-12-01 07:45:00",
    price: object = 3.5,
) -> tuple[str, ...]:
    """Make one line of an invoice; what a test does not name is an ordinary purchase."""
    return invoice, code, title, str(quantity), time, str(price), customer, "United Kingdom"


def write_retail(folder: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    """Write the rows as `online_retail_II.csv`."""
    path = folder / "online_retail_II.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path
