"""What every log of sales shares: purchases as events, and an item's price from what was paid for it lately."""

import polars as pl

from shortlist.core.types import EventType
from shortlist.offline.log import as_events

_RECENT_SALES = 20  # enough for a median that one discount does not move, few enough to follow a price change


def purchase_events(sales: pl.DataFrame) -> pl.DataFrame:
    """Turn sales (user, item, time, value) into events, ascending in time, rows of one second in their order."""
    return as_events(sales.with_columns(type=pl.lit(int(EventType.PURCHASE))))


def recent_prices(sales: pl.DataFrame) -> pl.DataFrame:
    """Take each item's price as the median of its last 20 sales; columns item and price, ascending in item.

    Args:
        sales: Columns item, time, quantity and value, the money paid for the whole quantity.
    """
    return (
        sales.sort("time", maintain_order=True)
        .group_by("item")
        .agg(price=(pl.col("value") / pl.col("quantity")).tail(_RECENT_SALES).median())
        .sort("item")
    )
