"""Explanations: what the ranker saw of an item, and which items of the history lie near it."""

from collections.abc import Sequence

import numpy as np

from shortlist.core.arrays import F32, I32
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.gateway.slate import ItemExplanation
from shortlist.release.bundle import Release

NEIGHBOURS_SHOWN = 3


def explain(
    rows: I32, history: I32, features: F32, release: Release, moved_by: Sequence[tuple[str, ...]]
) -> tuple[ItemExplanation, ...]:
    """Explain the items of one slate.

    Args:
        rows: (n,) int32, the items.
        history: (H,) int32, the user's items, newest first.
        features: (n, C) float32, their rows of `candidate_dense`; (n, 0) where there are none.
        release: Holds the embeddings.
        moved_by: The rules that moved each item.
    """
    known = np.unique(history[history >= FIRST_ITEM_ROW])
    cosines = release.directions(rows) @ release.directions(known).T
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :NEIGHBOURS_SHOWN]
    return tuple(
        ItemExplanation(
            features[place],
            tuple((int(known[other]), float(cosines[place, other])) for other in nearest[place]),
            moved_by[place],
        )
        for place in range(len(rows))
    )
