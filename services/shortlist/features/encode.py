"""From user rows to what models take: one definition for serving and for training."""

from collections.abc import Sequence

import numba
import numpy as np

from shortlist.core.arrays import F32, F64, I32, I64, U64, Structured
from shortlist.core.compiled import F32 as FLOAT
from shortlist.core.compiled import F64 as DOUBLE
from shortlist.core.compiled import I32 as INT
from shortlist.core.compiled import I64 as LONG
from shortlist.core.compiled import U64 as KEY
from shortlist.core.compiled import compiled, filled, given
from shortlist.core.keys import PADDING_KEY, item_keys
from shortlist.core.types import UNKNOWN_ROW, EventType, History
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

_NOTHING: Structured = np.zeros(0, EVENT_DTYPE)


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
    moments = np.ascontiguousarray(now_s, np.float64)
    listed = [_events(row, session, now) for row, session, now in zip(rows, sessions, moments.tolist(), strict=True)]
    ends = np.cumsum([len(events) for events in listed])
    history = History.empty(len(rows), length)
    _encode(
        np.concatenate(listed) if len(listed) > 1 else listed[0],
        ends,
        moments,
        vocabulary.sorted_keys,
        vocabulary.sorted_rows,
        history.rows,
        history.types,
        history.ages,
    )
    return history


def _events(row: UserRow | None, session: Sequence[str], now_s: float) -> Structured:
    """List what a user did, the newest first."""
    stored = _NOTHING if row is None else row.events
    if not session:
        return stored
    clicks = np.zeros(len(session), EVENT_DTYPE)
    clicks["key"], clicks["time"], clicks["type"] = item_keys(session[::-1]), int(now_s), EventType.CLICK
    return np.concatenate([clicks, stored])


@compiled(
    given(numba.from_dtype(EVENT_DTYPE), 1),
    given(LONG, 1),
    given(DOUBLE, 1),
    given(KEY, 1),
    given(INT, 1),
    filled(INT, 2),
    filled(INT, 2),
    filled(FLOAT, 2),
)
def _encode(
    events: Structured, ends: I64, now_s: F64, sorted_keys: U64, sorted_rows: I32, rows: I32, types: I32, ages: F32
) -> None:
    """Fill (B, H) zeros from the users' events, one user's after the other's; `ends` says where each one's end."""
    for user in range(len(rows)):
        place = 0
        for event in range(ends[user - 1] if user else 0, ends[user]):
            if place == rows.shape[1]:
                break
            time = events[event].time
            if time > now_s[user]:
                continue
            key = events[event].key
            types[user, place] = events[event].type
            if key != PADDING_KEY:
                rows[user, place] = UNKNOWN_ROW
                ages[user, place] = (now_s[user] - time) / SECONDS_A_DAY
                found = np.searchsorted(sorted_keys, key)
                if found < len(sorted_keys) and sorted_keys[found] == key:
                    rows[user, place] = sorted_rows[found]
            place += 1


def encode_user_dense(rows: Sequence[UserRow | None], history: History, now_s: F64) -> F32:
    """Compute `user_dense` as (B, len(USER_DENSE)) float32; all zero for a user of whom nothing is known."""
    stored = np.zeros((len(rows), len(COUNTERS)), np.float32)
    times = np.zeros(len(rows))
    for place, row in enumerate(rows):
        if row is not None:
            stored[place], times[place] = row.counters, row.counters_time
    dense = np.empty((len(rows), len(USER_DENSE)), np.float32)
    moments = np.ascontiguousarray(now_s, np.float64)
    _fill_dense(np.ascontiguousarray(history.types), np.ascontiguousarray(history.ages), stored, times, moments, dense)
    return dense


@compiled(given(INT, 2), given(FLOAT, 2), given(FLOAT, 2), given(DOUBLE, 1), given(DOUBLE, 1), filled(FLOAT, 2))
def _fill_dense(types: I32, ages: F32, stored: F32, times: F64, now_s: F64, dense: F32) -> None:
    """Fill (B, 5)."""
    for user in range(len(types)):
        count, oldest = 0, np.float32(0.0)
        for event in range(types.shape[1]):
            if types[user, event] > 0:
                count += 1
                oldest = max(oldest, ages[user, event])
        dense[user, 0] = np.log1p(count)
        dense[user, 1] = np.log1p(ages[user, 0]) if count else 0.0
        dense[user, 2] = np.log1p(oldest)
        days = max(now_s[user] - times[user], 0.0) / SECONDS_A_DAY
        for counter in range(stored.shape[1]):
            decayed = stored[user, counter] * 2.0 ** (-days / COUNTER_HALF_LIFE_DAYS)
            dense[user, 3 + counter] = np.log1p(max(decayed, 0.0))


def counters_of(events: Structured, now_s: int) -> F32:
    """Compute a row's counters from its events, decayed to `now_s`."""
    days = np.maximum(now_s - events["time"].astype(np.float64), 0.0) / SECONDS_A_DAY
    weights = np.exp2(-days / COUNTER_HALF_LIFE_DAYS)
    return np.array([weights.sum(), (weights * events["value"]).sum()], np.float32)
