"""Workbooks of raw tables: each sheet is a table of its own, so that errors name sheet and row."""

from pathlib import Path

import polars as pl
from fastexcel import FastExcelError

from shortlist.core.errors import InputError
from shortlist.offline.datasets.files import existing, scan_table
from shortlist.offline.datasets.scanned_table import ScannedTable


def scan_sheets(path: Path) -> list[ScannedTable]:
    """Open a workbook as a table for each sheet that holds anything, and any other file as one table.

    Raises:
        InputError: as `scan_table` says, or the workbook is damaged or has only empty sheets.
    """
    if path.suffix != ".xlsx":
        return [scan_table(path)]
    try:
        sheets = pl.read_excel(
            existing(path),
            sheet_id=0,
            engine="calamine",
            read_options={"dtypes": "string"},
            # Dropped rows would shift the row numbers of errors.
            drop_empty_rows=False,
            raise_if_empty=False,
        )
    except FastExcelError as error:
        raise InputError(f"{path}: not a workbook ({str(error).partition(chr(10))[0]})") from error
    tables = [ScannedTable(f"{path}, sheet {name}", rows.lazy()) for name, rows in sheets.items() if rows.width]
    if not tables:
        raise InputError(f"{path}: the workbook is empty")
    return tables
