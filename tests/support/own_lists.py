"""Lists and a catalogue made up, for training a ranker in a second."""

import numpy as np

from shortlist.core.types import Candidates, EventType, History
from shortlist.offline.ranker_lists import Lists
from shortlist.offline.requests import Requests
from shortlist.release.catalogue import Catalogue
from shortlist.release.strings import StringTable

_ITEMS, _KINDS = 400, 40


def catalogue() -> Catalogue:
    """Make a catalogue of 400 items in 40 categories."""
    kinds = np.concatenate([[0, 0], 1 + np.arange(_ITEMS) % _KINDS]).astype(np.int32)[:, None]
    rows = len(kinds)
    names = StringTable.pack(["", *(f"kind {number}" for number in range(_KINDS))])
    return Catalogue(StringTable.pack([""] * rows), names, kinds, np.full(rows, np.nan, np.float32))


def lists(count: int, width: int = 30, length: int = 6) -> Lists:
    """Make lists whose bought candidates have the highest first dense value."""
    random = np.random.default_rng(count)
    history = History(
        random.integers(2, _ITEMS, (count, length)).astype(np.int32),
        np.full((count, length), int(EventType.PURCHASE), np.int32),
        random.uniform(0, 90, (count, length)).astype(np.float32),
    )
    requests = Requests(
        np.arange(count, dtype=np.int32), np.zeros(count), history, random.normal(size=(count, 3)).astype(np.float32)
    )
    rows = np.stack([2 + random.permutation(_ITEMS)[:width] for _ in range(count)]).astype(np.int32)
    dense = random.normal(size=(count, width, 5)).astype(np.float32)
    labels = dense[..., 0] >= np.sort(dense[..., 0], axis=1)[:, -3:-2]
    sources = np.zeros((count, width, 1), np.int32)
    return Lists(
        requests, Candidates(rows, sources.astype(np.float32), sources), dense, labels, labels.astype(np.float32)
    )
