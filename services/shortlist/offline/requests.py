"""What the models would have been asked: users at moments of the past, encoded by the code that serves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from shortlist.core.arrays import F32, F64, I32, U64, AnyArray, Structured
from shortlist.core.types import History
from shortlist.features.encode import counters_of, encode_histories, encode_user_dense
from shortlist.features.row import EVENT_DTYPE, MAX_EVENTS, UserRow
from shortlist.offline.interactions import Interactions
from shortlist.release.histories import Histories
from shortlist.release.strings import StringTable
from shortlist.release.vocabulary import Vocabulary

_CHUNK = 2048
_KEPT_HISTORY = 64


@dataclass(frozen=True, slots=True)
class Requests:
    """B users at moments of their own.

    Args:
        users: (B,) int32, user codes.
        at_s: (B,) float64, seconds since 1970.
        history: Width 64 at most: no model or source looks further back.
        user_dense: (B, U) float32.
    """

    users: I32
    at_s: F64
    history: History
    user_dense: F32

    def __len__(self) -> int:
        return len(self.users)

    def take(self, chosen: AnyArray | slice) -> "Requests":
        """Select requests by position or mask."""
        history = self.history
        picked = History(history.rows[chosen], history.types[chosen], history.ages[chosen])
        return Requests(self.users[chosen], self.at_s[chosen], picked, self.user_dense[chosen])

    @classmethod
    def joined(cls, parts: "Sequence[Requests]") -> "Requests":
        """Put requests one after the other."""
        histories = [part.history for part in parts]
        return cls(
            np.concatenate([part.users for part in parts]),
            np.concatenate([part.at_s for part in parts]),
            History(
                np.concatenate([history.rows for history in histories]),
                np.concatenate([history.types for history in histories]),
                np.concatenate([history.ages for history in histories]),
            ),
            np.concatenate([part.user_dense for part in parts]),
        )


def newest_events(interactions: Interactions, keys: U64, span: slice, at_s: int) -> Structured:
    """Make the events of a user row as the online store would hold them at a moment: newest first, at most 256.

    A row keeps the newest event of each item and type.

    Args:
        interactions: The log.
        keys: (R,) item keys by row.
        span: The user's events, or the first of them.
        at_s: The moment, seconds since 1970.
    """
    held = np.arange(span.start, span.stop)[(interactions.times[span] < at_s) & (interactions.superseded[span] >= at_s)]
    held = held[::-1][:MAX_EVENTS]
    events = np.zeros(len(held), EVENT_DTYPE)
    events["key"] = keys[interactions.rows[held]]
    events["time"] = interactions.times[held]
    events["type"] = interactions.types[held]
    events["value"] = interactions.values[held]
    return events


def encode_requests(interactions: Interactions, asked: Iterable[tuple[int, int, slice]]) -> Requests:
    """Encode (user, moment, the user's events to look at), in their order."""
    keys = interactions.vocabulary.keys_by_row()
    parts, chunk = [], []
    for user, at_s, span in asked:
        events = newest_events(interactions, keys, span, at_s)
        chunk.append((user, at_s, UserRow(events, counters=counters_of(events, at_s), counters_time=at_s)))
        if len(chunk) == _CHUNK:
            parts.append(_encoded(chunk, interactions.vocabulary))
            chunk = []
    parts.append(_encoded(chunk, interactions.vocabulary))
    return Requests.joined(parts)


def all_users_at(interactions: Interactions, at_s: int) -> Requests:
    """Encode every user that has a past at a moment, in the order of their codes."""
    active = np.unique(interactions.users[interactions.times < at_s])
    spans = interactions.offsets
    return encode_requests(
        interactions, ((int(user), at_s, slice(int(spans[user]), int(spans[user + 1]))) for user in active)
    )


def bought_before(interactions: Interactions, requests: Requests) -> list[I32]:
    """List the distinct items that each request's user had bought."""
    lists, is_positive = [], interactions.is_positive
    for user, at_s in zip(requests.users, requests.at_s, strict=True):
        span = slice(int(interactions.offsets[user]), int(interactions.offsets[user + 1]))
        lists.append(np.unique(interactions.rows[span][is_positive[span] & (interactions.times[span] < at_s)]))
    return lists


def histories_at(interactions: Interactions, at_s: int) -> Histories:
    """Collect the rows of all users as the release brings them along."""
    keys = interactions.vocabulary.keys_by_row()
    spans = interactions.offsets
    rows = [newest_events(interactions, keys, slice(int(begin), int(end)), at_s) for begin, end in pairwise(spans)]
    events = np.concatenate(rows)
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return Histories(
        StringTable.pack(interactions.user_ids),
        offsets,
        interactions.vocabulary.rows_of_keys(np.ascontiguousarray(events["key"])),
        events["type"],
        events["time"].astype(np.int64),
        events["value"],
    )


def _encoded(chunk: list[tuple[int, int, UserRow]], vocabulary: Vocabulary) -> Requests:
    now_s = np.array([at_s for _, at_s, _ in chunk], np.float64)
    rows = [row for _, _, row in chunk]
    history = encode_histories(rows, [()] * len(rows), vocabulary, now_s, MAX_EVENTS)
    dense = encode_user_dense(rows, history, now_s)
    kept = History(
        history.rows[:, :_KEPT_HISTORY].copy(),
        history.types[:, :_KEPT_HISTORY].copy(),
        history.ages[:, :_KEPT_HISTORY].copy(),
    )
    return Requests(np.array([user for user, _, _ in chunk], np.int32), now_s, kept, dense)
