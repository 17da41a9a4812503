"""The training log in numbers: users as codes, items as release rows, each user's events in the order of time.

Everything that is fitted asks this for what was known at a moment; nothing else looks at times, so nothing else can
look ahead.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from shortlist.core.arrays import F32, I32, I64, U8, Bool
from shortlist.core.errors import InputError
from shortlist.core.types import FIRST_ITEM_ROW, EventType
from shortlist.offline.log import BehaviourLog
from shortlist.release.vocabulary import Vocabulary

NEVER_S = np.iinfo(np.int64).max
POSITIVE_TYPES = (EventType.CLICK, EventType.CART, EventType.PURCHASE)
"""What counts as bought: in labels, lists, item columns and tests. Other events are part of a history only."""


@dataclass(frozen=True, slots=True)
class Interactions:
    """E events of U users, ordered by user, then time.

    Args:
        user_ids: U user ids.
        vocabulary: The items, in the order of their first sale: what was known at a moment is a prefix of the rows.
        offsets: (U + 1,) where each user's events begin and end.
        users: (E,) user codes.
        rows: (E,) item rows.
        types: (E,) `EventType`.
        times: (E,) seconds since 1970.
        values: (E,) money paid.
        superseded: (E,) time of the user's next event of the same type with the same item.
    """

    user_ids: tuple[str, ...]
    vocabulary: Vocabulary
    offsets: I64
    users: I32
    rows: I32
    types: U8
    times: I64
    values: F32
    superseded: I64

    @classmethod
    def of(cls, log: BehaviourLog, until_s: int) -> "Interactions":
        """Number what lies before `until_s`.

        Raises:
            InputError: nothing lies before it.
        """
        events = log.events.filter(pl.col("time") < until_s)
        if events.is_empty():
            raise InputError(f"{log.dataset}: no events are left to train on")
        items = events.group_by("item").agg(pl.col("time").min()).sort("time", "item")["item"]
        users = events["user"].unique().sort()
        vocabulary = Vocabulary.build(items)
        codes = events["user"].replace_strict(users, np.arange(len(users)), return_dtype=pl.Int32)
        rows = events["item"].replace_strict(items, np.arange(len(items)) + FIRST_ITEM_ROW, return_dtype=pl.Int32)
        numbered = events.with_columns(codes.alias("user"), rows.alias("item")).sort(
            "user", "time", maintain_order=True
        )
        superseded = numbered.select(
            pl.col("time").shift(-1, fill_value=NEVER_S).over("user", "item", "type")
        ).to_series()
        user_codes = numbered["user"].to_numpy()
        return cls(
            tuple(users),
            vocabulary,
            np.searchsorted(user_codes, np.arange(len(users) + 1)),
            user_codes,
            numbered["item"].to_numpy(),
            numbered["type"].to_numpy(),
            numbered["time"].to_numpy(),
            numbered["value"].fill_null(0.0).to_numpy(),
            superseded.to_numpy(),
        )

    @property
    def row_count(self) -> int:
        """Rows of arrays by item: the items, padding and unknown."""
        return self.vocabulary.row_count

    def before(self, at_s: int) -> "Interactions":
        """Keep what happened before a moment, under the same codes and rows."""
        return self._only(self.times < at_s)

    def of_each_user(self, share: float) -> tuple["Interactions", "Interactions"]:
        """Part each user's first share of the events, rounded down, from the rest, under the same codes and rows."""
        counts = np.diff(self.offsets)
        place = np.arange(len(self.users)) - np.repeat(self.offsets[:-1], counts)
        is_first = place < np.floor(np.repeat(counts, counts) * share)
        return self._only(is_first), self._only(~is_first)

    def _only(self, kept: Bool) -> "Interactions":
        users = self.users[kept]
        return Interactions(
            self.user_ids,
            self.vocabulary,
            np.searchsorted(users, np.arange(len(self.user_ids) + 1)),
            users,
            self.rows[kept],
            self.types[kept],
            self.times[kept],
            self.values[kept],
            self.superseded[kept],
        )

    @property
    def is_positive(self) -> Bool:
        """Mark what counts as bought, (E,)."""
        return np.isin(self.types, POSITIVE_TYPES)

    def bought(self, before_s: int = NEVER_S) -> tuple[I32, I32, I64]:
        """Give each user and item of a positive event before a moment once: users, rows and the newest time, (P,) each.

        They are ascending in user, then row.
        """
        chosen = self.is_positive & (self.times < before_s)
        users, rows, times = self.users[chosen], self.rows[chosen], self.times[chosen]
        order = np.lexsort((times, rows, users))
        users, rows, times = users[order], rows[order], times[order]
        is_newest = np.append((np.diff(users) != 0) | (np.diff(rows) != 0), np.ones(min(len(users), 1), np.bool_))
        return users[is_newest], rows[is_newest], times[is_newest]

    def known_rows(self) -> int:
        """Count the rows up to the last item that was ever bought; later rows are items of the future."""
        return int(self.rows.max(initial=FIRST_ITEM_ROW - 1)) + 1

    def baskets(self) -> Iterator[tuple[int, int, slice, I32]]:
        """Walk through what was bought at a time: user, time, the user's earlier events, and the basket's new items.

        New are items that the user never bought before; baskets without any, and a user's first events, are left out.
        """
        is_start = np.ones(len(self.times), np.bool_)
        is_start[1:] = (np.diff(self.users) != 0) | (np.diff(self.times) != 0)
        starts = np.append(np.flatnonzero(is_start), len(self.times))
        positive = np.flatnonzero(self.is_positive)
        pairs = self.users[positive].astype(np.int64) * self.row_count + self.rows[positive]
        is_new = np.zeros(len(self.times), np.bool_)
        is_new[positive[np.unique(pairs, return_index=True)[1]]] = True
        for begin, end in pairwise(starts):
            user = int(self.users[begin])
            earlier = slice(int(self.offsets[user]), int(begin))
            new = self.rows[begin:end][is_new[begin:end]]
            if len(new) and earlier.stop > earlier.start:
                yield user, int(self.times[begin]), earlier, new
