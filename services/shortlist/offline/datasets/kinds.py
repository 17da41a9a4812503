"""What a raw column can be read as, as expressions that run on whole files without holding them.

Empty text and the `nan` of careless exports are null in every kind; what is there and cannot be read becomes null too,
and the table that reads it says where.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

_MILLISECONDS_FROM = 1e11
"""As seconds this is the year 5138, as milliseconds 1973."""
_EMPTY = ("", "nan", "NaN", "NAN")
NAMED_FORMS = ("iso", "seconds", "milliseconds")
"""How times may be written, beside strptime formats; a time without a zone is UTC."""
_ISO_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f%#z")
_SEARCHED_FORMS = (*_ISO_FORMATS, "iso", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "seconds")
"""Where several read a column equally well, the first is taken: one ISO format is quicker than all of them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to read a column.

    Args:
        name: What an error says that a value is not.
        read: From a column and its type in the file to the column as read.
        is_always_readable: Whether nothing can be wrong with it.
    """

    name: str
    read: Callable[[pl.Expr, pl.DataType], pl.Expr]
    is_always_readable: bool = False


def _text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    text = column.cast(pl.String).str.strip_chars()
    if dtype.is_float():  # whole numbers with gaps go through floats: 13085.0 is 13085
        is_whole = column.is_finite() & (column == column.floor())
        text = pl.when(is_whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(text)
    return pl.when(~text.is_in(_EMPTY)).then(text)


def _number(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    numbers = (column if dtype.is_numeric() else _text(column, dtype)).cast(pl.Float64, strict=False)
    return pl.when(numbers.is_finite()).then(numbers)


TEXT = Kind("a text", _text, is_always_readable=True)
"""Stripped text."""
NUMBER = Kind("a number", _number)
"""Float64."""


def one_of(numbers: Mapping[str, int], name: str) -> Kind:
    """Read the texts that are keys as their UInt8 numbers."""

    def read(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        return _text(column, dtype).replace_strict(dict(numbers), default=None, return_dtype=pl.UInt8)

    return Kind(name, read)


def names(separator: str | None) -> Kind:
    """Read lists of names: a list in the file, or a text that the separator divides; null becomes an empty list."""

    def read(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        if isinstance(dtype, pl.List):
            lists = column.cast(pl.List(pl.String))
        else:
            lists = _text(column, dtype).str.split(separator) if separator else pl.concat_list(_text(column, dtype))
        element = pl.element().str.strip_chars()
        return lists.list.eval(element.filter(element.str.len_bytes() > 0)).fill_null([])

    return Kind("a list of names", read, is_always_readable=True)


def times(form: str) -> Kind:
    """Read seconds since 1970 (UTC) as Int64.

    Args:
        form: One of `NAMED_FORMS`, or a strptime format. It says nothing where the file's type is a time itself.
    """

    def read(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        return column.dt.epoch("s").cast(pl.Int64) if dtype.is_temporal() else _seconds(column, dtype, form)

    return Kind("a time" if form == "iso" else f"a time ({form})", read)


def _seconds(column: pl.Expr, dtype: pl.DataType, form: str) -> pl.Expr:
    if form in {"seconds", "milliseconds"}:
        units = _number(column, dtype) / (1000 if form == "milliseconds" else 1)
        return units.floor().cast(pl.Int64, strict=False)
    text = _text(column, dtype)
    spaced = text.str.strip_suffix(" UTC").str.replace("T", " ", literal=True)
    if form == "iso":
        return pl.coalesce([_parsed(spaced, each) for each in _ISO_FORMATS])
    return _parsed(spaced if form in _ISO_FORMATS else text, form)


def _parsed(text: pl.Expr, form: str) -> pl.Expr:
    return text.str.to_datetime(form, time_unit="ms", strict=False).dt.epoch("s")


def found_form(rows: pl.LazyFrame, column: str, dtype: pl.DataType) -> str:
    """Find the form that reads most of a column's times; numbers with a median of 1e11 or more are milliseconds."""
    if dtype.is_temporal():
        return "iso"
    expressions = {form: times(form).read(pl.col(column), dtype).count() for form in _SEARCHED_FORMS}
    median = _number(pl.col(column), dtype).abs().median().fill_null(0.0)
    counts = rows.select(**expressions, median=median).collect(engine="streaming").row(0, named=True)
    best = max(expressions, key=lambda form: counts[form])
    return "milliseconds" if best == "seconds" and counts["median"] >= _MILLISECONDS_FROM else best
