"""What is known of a batch of requests before anything is retrieved: histories, exclusions, filters, as arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import F32, F64, I32, I64, U64, Bool
from shortlist.core.compiled import BOOL, compiled, filled, given
from shortlist.core.compiled import I32 as INT
from shortlist.core.compiled import I64 as LONG
from shortlist.core.keys import item_keys
from shortlist.core.types import FIRST_ITEM_ROW, EventType, History, Query
from shortlist.features.encode import encode_histories, encode_user_dense
from shortlist.features.row import MAX_EVENTS, UserRow
from shortlist.gateway.catalog_shelf import Shelf
from shortlist.gateway.event_requests import MAX_AHEAD_S
from shortlist.release.bundle import Release
from shortlist.retrieval.kept import Kept

LEAST_HISTORY = 64
"""Sources and category shares look at so many events."""
_NO_KEYS = np.zeros(0, np.uint64)
_HIDE, _IMPRESSION = int(EventType.HIDE), int(EventType.IMPRESSION)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the requests of a batch.

    Args:
        rows: Stored rows, None where there is none.
        history: (B, H), sessions included.
        user_dense: (B, U) float32.
        excluded: (B, E) int32, rows that may not appear; 0 pads.
        kept: What each request's filter keeps.
        shelf: What can be recommended: rows and filters are over it.
    """

    rows: Sequence[UserRow | None]
    history: History
    user_dense: F32
    excluded: I32
    kept: Sequence[Kept | None]
    shelf: Shelf

    def part(self, requests: Sequence[int]) -> "Known":
        """Take some of the requests."""
        chosen = np.array(requests, np.intp)
        return Known(
            [self.rows[request] for request in requests],
            History(self.history.rows[chosen], self.history.types[chosen], self.history.ages[chosen]),
            self.user_dense[chosen],
            self.excluded[chosen],
            [self.kept[request] for request in requests],
            self.shelf,
        )


class Encoder:
    """Encodes requests against what can be recommended when a batch begins; safe to call from several threads.

    Args:
        shelf: Gives that.
        clock: Seconds since 1970.
    """

    def __init__(self, shelf: Callable[[], Shelf], clock: Callable[[], float]) -> None:
        self._shelf, self._clock = shelf, clock

    def encode(self, queries: Sequence[Query], rows: Sequence[UserRow | None]) -> Known:
        """Encode a batch; `rows` are the stored ones, None where there is none."""
        shelf, now = self._shelf(), self._clock()
        times: F64 = np.array(
            [_now_for(row, now) if query.at_s is None else query.at_s for query, row in zip(queries, rows, strict=True)]
        )
        sessions = [query.session_item_ids for query in queries]
        width = _width(rows, sessions, shelf.release.manifest.features.history_length)
        history = encode_histories(rows, sessions, shelf.release.vocabulary, times, width)
        dense, excluded = encode_user_dense(rows, history, times), _excluded(queries, history, shelf.release)
        return Known(rows, history, dense, excluded, [_kept(query, shelf) for query in queries], shelf)


def _width(rows: Sequence[UserRow | None], sessions: Sequence[Sequence[str]], history_length: int) -> int:
    """Find how many events the longest history of the batch has, or the models look at."""
    longest = max(len(session) + (len(row.events) if row else 0) for row, session in zip(rows, sessions, strict=True))
    return min(max(longest, history_length, LEAST_HISTORY), MAX_EVENTS)


def _kept(query: Query, shelf: Shelf) -> Kept | None:
    if query.candidate_ids is None:
        return shelf.filters.plan(query.filter)
    rows = shelf.rows_of_candidates(query.candidate_ids)
    return shelf.filters.only(rows[rows >= FIRST_ITEM_ROW])


def _excluded(queries: Sequence[Query], history: History, release: Release) -> I32:
    """List what each request must not show, as narrow as the batch allows: (B, E) int32.

    What the user has hidden never shows; what was merely on a screen does not count as seen. A caller's own
    candidates are its own choice.
    """
    default = release.manifest.exclude_seen
    seen = np.array([default if query.filter.exclude_seen is None else query.filter.exclude_seen for query in queries])
    named = [_named(query) for query in queries]
    own = np.array([query.candidate_ids is None for query in queries])
    excluded = np.zeros((len(queries), history.rows.shape[1] + max(map(len, named))), np.int32)
    counts = np.zeros(len(queries), np.int64)
    _exclude(history.rows, history.types, own, seen, excluded, counts)
    for request, keys in enumerate(named):
        if len(keys):
            rows = release.vocabulary.rows_of_keys(keys)
            rows = rows[rows >= FIRST_ITEM_ROW]
            excluded[request, counts[request] : counts[request] + len(rows)] = rows
            counts[request] += len(rows)
    return excluded[:, : counts.max(initial=0)]


def _named(query: Query) -> U64:
    """Give the keys of what the request excludes by name, and of what earlier pages showed."""
    if not (query.filter.exclude_item_ids or query.shown):
        return _NO_KEYS
    return np.concatenate([item_keys(query.filter.exclude_item_ids), np.frombuffer(query.shown, "<u8")])


def _now_for(row: UserRow | None, now_s: float) -> float:
    """Tell the moment to answer for: no event that may be recorded is of the future, whichever clock it is from."""
    newest = row.event_time if row is not None else 0
    return newest if now_s < newest <= now_s + MAX_AHEAD_S else now_s


@compiled(given(INT, 2), given(INT, 2), given(BOOL, 1), given(BOOL, 1), filled(INT, 2), filled(LONG, 1))
def _exclude(rows: I32, types: I32, own: Bool, seen: Bool, excluded: I32, counts: I64) -> None:
    """List what each user has hidden, and seen where that counts; `counts` says how many."""
    for user in range(len(rows)):
        for event in range(rows.shape[1] if own[user] else 0):
            kind = types[user, event]
            is_barred = kind == _HIDE or (seen[user] and kind != _IMPRESSION)
            if is_barred and rows[user, event] >= FIRST_ITEM_ROW:
                excluded[user, counts[user]] = rows[user, event]
                counts[user] += 1
