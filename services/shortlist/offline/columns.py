"""Item columns: what is known of each item at a moment, raw; the models' graphs normalise."""

import numpy as np

from shortlist.core.arrays import F32, F64, I32
from shortlist.features.encode import SECONDS_A_DAY
from shortlist.offline.interactions import Interactions
from shortlist.release.catalogue import Catalogue

HALF_LIVES_DAYS = (7, 30, 90, 365)
ITEM_COLUMNS = (
    *(f"log_buyers_{days}d" for days in HALF_LIVES_DAYS),
    "log_days_since_first_sale",
    "log_days_since_last_sale",
    "log_price",
    "price_rank_in_category",
)
"""Names of the item columns. Buyers are distinct users, each counted by the age of the newest purchase."""
POPULAR_DAYS = 14
POPULAR_LENGTH = 500
"""Longer than the quota of the popular source and the longest history together."""


def item_columns(interactions: Interactions, catalogue: Catalogue, at_s: int) -> F32:
    """Compute the columns as of a moment, as (R, len(ITEM_COLUMNS)) float32; 0 for what was not sold by then.

    The counts are decayed rather than counted in windows because that form can be kept up to date online.
    """
    rows = interactions.row_count
    columns = np.zeros((rows, len(ITEM_COLUMNS)), np.float32)
    for place, half_life in enumerate(HALF_LIVES_DAYS):
        columns[:, place] = np.log1p(decayed_buyers(interactions, at_s, half_life))
    first, last = np.full(rows, -np.inf), np.full(rows, np.inf)
    past = interactions.is_positive & (interactions.times < at_s)
    ages = (at_s - interactions.times[past]) / SECONDS_A_DAY
    np.maximum.at(first, interactions.rows[past], ages)
    np.minimum.at(last, interactions.rows[past], ages)
    sold = np.isfinite(last)
    columns[sold, 4] = np.log1p(first[sold])
    columns[sold, 5] = np.log1p(last[sold])
    columns[:, 6], columns[:, 7] = _price_columns(catalogue)
    columns[~sold] = 0.0
    return columns


def decayed_buyers(interactions: Interactions, at_s: int, half_life_days: float) -> F64:
    """Count each item's distinct buyers before a moment, each 2^(-age of the newest purchase / half-life): (R,)."""
    _, rows, times = interactions.bought(at_s)
    weights: F64 = np.exp2((times - at_s) / SECONDS_A_DAY / half_life_days)
    return np.bincount(rows, weights, interactions.row_count).astype(np.float64)


def popular_items(interactions: Interactions, at_s: int, length: int) -> I32:
    """List the rows with the most distinct buyers of the last 14 days, best first, ties by those of all time."""
    _, rows, times = interactions.bought(at_s)
    is_recent = times >= at_s - POPULAR_DAYS * SECONDS_A_DAY
    counts = np.bincount(rows[is_recent], minlength=interactions.row_count)
    ever = np.bincount(rows, minlength=interactions.row_count)
    order = np.lexsort((-ever, -counts))
    popular: I32 = order[ever[order] > 0][:length].astype(np.int32)
    return popular


def _price_columns(catalogue: Catalogue) -> tuple[F64, F64]:
    prices = catalogue.prices.astype(np.float64)
    known = np.isfinite(prices) & (prices > 0)
    log_prices = np.log1p(np.where(known, prices, np.median(prices[known]) if known.any() else 0.0))
    general = catalogue.categories[:, 0] if catalogue.categories.shape[1] else np.zeros(len(prices), np.int32)
    order = np.lexsort((log_prices, general))
    counts = np.bincount(general)
    begins = np.cumsum(counts) - counts
    ranks = np.empty(len(prices))
    ranks[order] = (np.arange(len(prices)) - begins[general[order]] + 0.5) / counts[general[order]]
    return log_prices, ranks
