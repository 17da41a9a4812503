"""Cutting a log in time, and dropping the users and items of whom it says too little.

Both are decisions about what a model learns from; what is wrong in a raw log is the dataset adapter's business.
"""

from dataclasses import replace

import polars as pl

from shortlist.core.errors import InputError
from shortlist.offline.log import BehaviourLog, Dropped

_MAX_ROUNDS = 50  # each round may make others rare; the gift-shop log is stable after 3


def split_at(log: BehaviourLog, share: float) -> int:
    """Find the time before which `share` of the events lie (0 to 1), in seconds; the event there is the first after.

    Raises:
        InputError: the log is empty, or all of its events on one side of the cut.
    """
    times = log.events["time"]
    cut = times[min(int(share * len(times)), len(times) - 1)] if len(times) else None
    if cut is None or cut == times[0]:
        raise InputError(f"{log.dataset}: {len(times):,} events cannot be split in time at {share:.0%} of them")
    return int(cut)


def before(log: BehaviourLog, cut: int) -> BehaviourLog:
    """Keep the events before the time `cut`, and their items."""
    return _with_events(log, log.events.filter(pl.col("time") < cut))


def after(log: BehaviourLog, cut: int) -> BehaviourLog:
    """Keep the events at the time `cut` or later, and their items."""
    return _with_events(log, log.events.filter(pl.col("time") >= cut))


def clean(
    log: BehaviourLog, *, min_user_events: int = 1, min_item_events: int = 1, min_item_users: int = 1
) -> BehaviourLog:
    """Drop rare items and users until none is rare; what was dropped is appended to the cleaning table.

    Args:
        log: The log, or its training part.
        min_user_events: Events that a user has at least.
        min_item_events: Events that an item has at least.
        min_item_users: Different users that an item has at least.

    Raises:
        InputError: fewer than two users or two items are left, which nothing can be learnt from.
    """
    events, item_rows, user_rows = log.events, 0, 0
    for _ in range(_MAX_ROUNDS):
        common = pl.len() >= min_item_events, pl.col("user").n_unique() >= min_item_users
        kept = _filter_groups(events, "item", *common)
        active = _filter_groups(kept, "user", pl.len() >= min_user_events)
        item_rows += events.height - kept.height
        user_rows += kept.height - active.height
        if active.height == events.height:
            break
        events = active
    users, items = events["user"].n_unique(), events["item"].n_unique()
    if users < 2 or items < 2:
        raise InputError(
            f"{log.dataset}: {users:,} users and {items:,} items are left of {log.events.height:,} events after "
            f"dropping items with fewer than {min_item_events} events or {min_item_users} users and users with fewer "
            f"than {min_user_events} events; at least 2 of each are needed"
        )
    dropped = (
        Dropped(f"of items with fewer than {min_item_events} events or {min_item_users} users", item_rows),
        Dropped(f"of users with fewer than {min_user_events} events", user_rows),
    )
    return replace(_with_events(log, events), dropped=log.dropped + dropped)


def _filter_groups(events: pl.DataFrame, column: str, *conditions: pl.Expr) -> pl.DataFrame:
    kept = events.group_by(column).agg(kept=pl.all_horizontal(conditions)).filter("kept")
    return events.join(kept, on=column, how="semi", maintain_order="left")


def _with_events(log: BehaviourLog, events: pl.DataFrame) -> BehaviourLog:
    items = log.items.join(events.select("item").unique(), on="item", how="semi", maintain_order="left")
    return replace(log, events=events, items=items)
