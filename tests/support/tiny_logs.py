"""A small synthetic behaviour log with taste and time in it: enough for a model to learn from in a second."""

import numpy as np
import polars as pl

from shortlist.core.types import EventType
from shortlist.offline.log import EVENT_SCHEMA, BehaviourLog, as_items

DAY_S = 86_400
START_S = 1_600_000_000
CATEGORIES = ("Tea", "Lamps", "Paper", "Garden")


def tiny_log(
    seed: int = 0, users: int = 60, items: int = 40, events_per_user: int = 30, days: int = 120
) -> BehaviourLog:
    """Make purchases of users who mostly stay in one of four categories.

    Item i belongs to category i modulo 4, user u favours category u modulo 4 (four of five purchases). Within a
    category items are Zipf-popular, and which of them leads moves once around the category in the course of the log,
    so that what sold lately tells something.
    """
    rng = np.random.default_rng(seed)
    count = users * events_per_user
    user = np.repeat(np.arange(users), events_per_user)
    day = rng.uniform(0, days, count)
    category = np.where(rng.random(count) < 0.8, user % 4, rng.integers(0, 4, count))
    per_category = items // 4
    popularity = 1.0 / np.arange(1, per_category + 1)
    rank = rng.choice(per_category, count, p=popularity / popularity.sum())
    leader = (day / days * per_category).astype(int)
    item = category + 4 * ((rank + leader) % per_category)
    prices = rng.uniform(1, 20, items).round(2)
    events = pl.DataFrame(
        {
            "user": [f"user-{u:03}" for u in user],
            "item": [f"item-{i:03}" for i in item],
            "type": np.full(count, int(EventType.PURCHASE)),
            "time": START_S + (day * DAY_S).astype(np.int64),
            "value": prices[item],
        },
        schema=EVENT_SCHEMA,
    ).sort("time", maintain_order=True)
    catalogue = as_items(
        pl.DataFrame(
            {
                "item": [f"item-{i:03}" for i in range(items)],
                "title": [f"{CATEGORIES[i % 4]} number {i}" for i in range(items)],
                "categories": [[CATEGORIES[i % 4]] for i in range(items)],
                "price": prices,
            }
        )
    )
    return BehaviourLog("tiny", events, catalogue, rows_read=count, notes=("synthetic",))
