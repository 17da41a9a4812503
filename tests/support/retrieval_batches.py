"""Batches of requests as the sources see them."""

from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import I32
from shortlist.core.types import EventType, History
from shortlist.features.encode import USER_DENSE
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.port import Retrieval


def histories(rows: Sequence[Sequence[int]], age_days: float = 1.0, length: int = 8) -> History:
    """Make histories of purchases, newest first, all of one age."""
    history = History.empty(len(rows), length)
    for user, items in enumerate(rows):
        history.rows[user, : len(items)] = items
        history.types[user, : len(items)] = EventType.PURCHASE
        history.ages[user, : len(items)] = age_days
    return history


def retrieval(history: History, kept: Sequence[Kept | None] | None = None, excluded: I32 | None = None) -> Retrieval:
    """Make a batch of requests without filters, unless told."""
    users = len(history.rows)
    dense = np.zeros((users, len(USER_DENSE)), np.float32)
    nothing = np.zeros((users, 0), np.int32)
    return Retrieval(history, dense, kept or [None] * users, nothing if excluded is None else excluded)
