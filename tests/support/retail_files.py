"""Small files in the format of UCI's Online Retail II."""

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import xlsxwriter

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


def write_workbook(folder: Path, sheets: Mapping[str, Sequence[Sequence[str]] | None]) -> Path:
    """Write sheets as `online_retail_II.xlsx`, with numbers and times as a spreadsheet holds them; None is empty."""
    path = folder / "online_retail_II.xlsx"
    options = {"strings_to_numbers": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"}
    with xlsxwriter.Workbook(path, options) as workbook:
        for name, rows in sheets.items():
            sheet = workbook.add_worksheet(name)
            for at, row in enumerate([HEADER, *rows] if rows is not None else []):
                sheet.write_row(at, 0, [_cell(value) for value in row])
    return path


def _cell(text: str) -> str | datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text
