"""From user rows to what models take: one definition for serving and for training."""

from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import F32, F64, U64, Structured
from shortlist.core.keys import item_keys
from shortlist.core.types import EventType, History
from shortlist.features.row import COUNTERS, EVENT_DTYPE, UserRow
from shortlist.release.vocabulary import Vocabulary

SECONDS_A_DAY = 86_400.0
COUNTER_HALF_LIFE_DAYS = 30.0
USER_DENSE = (
    "log_events",
    "log_days_since_newest",
    "log_days_since_oldest",
    "log_events_30d",
    "log_value_30d",
)
"""Names of the columns of `user_dense`; every one is log(1 + x), so that heavy users do not saturate it."""


def encode_histories(
    rows: Sequence[UserRow | None],
    sessions: Sequence[Sequence[str]],
    vocabulary: Vocabulary,
    now_s: F64,
    length: int,
) -> History:
    """Encode the newest `length` events of each user, the session's items first.

    Session items count as clicks of this moment. Events later than `now_s` are left out, so that a request for
    another time does not see its own future.

    Args:
        rows: Stored rows; None where there is none.
        sessions: Item ids touched in the session, oldest first.
        vocabulary: The release's items.
        now_s: (B,) float64, the moment to answer for, seconds since 1970.
        length: H of the result.
    """
    batch = np.zeros((len(rows), length), EVENT_DTYPE)
    for place, (row, session) in enumerate(zip(rows, sessions, strict=True)):
        _fill(batch[place], row, session, int(now_s[place]))
    keys: U64 = np.ascontiguousarray(batch["key"])
    ages = np.maximum(now_s[:, None] - batch["time"], 0.0) / SECONDS_A_DAY
    ages[keys == 0] = 0.0
    return History(vocabulary.rows_of_keys(keys), batch["type"].astype(np.int32), ages.astype(np.float32))


def _fill(target: Structured, row: UserRow | None, session: Sequence[str], now_s: int) -> None:
    recent = session[::-1][: len(target)]
    if recent:
        head = target[: len(recent)]
        head["key"], head["time"], head["type"] = item_keys(recent), now_s, EventType.CLICK
    if row is None:
        return
    events = row.events
    if len(events) and events["time"][0] > now_s:
        events = events[events["time"] <= now_s]
    stored = events[: len(target) - len(recent)]
    target[len(recent) : len(recent) + len(stored)] = stored


def encode_user_dense(rows: Sequence[UserRow | None], history: History, now_s: F64) -> F32:
    """Compute `user_dense` as (B, len(USER_DENSE)) float32; all zero for a user of whom nothing is known."""
    held = history.types > 0
    count = held.sum(axis=1)
    has_any = count > 0
    newest = np.where(has_any, history.ages[:, 0], 0.0)
    oldest = np.where(has_any, (history.ages * held).max(axis=1, initial=0.0), 0.0)
    stored = np.zeros((len(rows), len(COUNTERS)), np.float64)
    times = np.zeros(len(rows))
    for place, row in enumerate(rows):
        if row is not None:
            stored[place], times[place] = row.counters, row.counters_time
    days = np.maximum(now_s - times, 0.0) / SECONDS_A_DAY
    decayed = stored * np.exp2(-days / COUNTER_HALF_LIFE_DAYS)[:, None]
    columns = np.column_stack([count, newest, oldest, np.maximum(decayed, 0.0)])
    dense: F32 = np.log1p(columns).astype(np.float32)
    return dense


def counters_of(events: Structured, now_s: int) -> F32:
    """Compute a row's counters from its events, decayed to `now_s`."""
    days = np.maximum(now_s - events["time"].astype(np.float64), 0.0) / SECONDS_A_DAY
    weights = np.exp2(-days / COUNTER_HALF_LIFE_DAYS)
    return np.array([weights.sum(), (weights * events["value"]).sum()], np.float32)
