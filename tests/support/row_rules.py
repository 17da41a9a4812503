"""Rules over rows, for tests that need no file."""

from collections.abc import Mapping, Sequence

import numpy as np

from shortlist.core.rules import Move, RowRules


def rules_over(
    rows: int,
    *,
    boosts: Mapping[int, float] | None = None,
    buried: Sequence[int] = (),
    pins: Mapping[int, int] | None = None,
    caps: Sequence[tuple[int, Mapping[int, int]]] = (),
) -> RowRules:
    """Make rules over so many rows.

    Args:
        rows: R.
        boosts: Log-odds by row.
        buried: Rows.
        pins: Places from 0 by row.
        caps: For each the most of a group, and groups by row.
    """
    boosts, pins = boosts or {}, pins or {}
    log_odds, is_buried = np.zeros(rows, np.float32), np.zeros(rows, np.bool_)
    places, groups = np.full(rows, -1, np.int32), np.zeros((rows, len(caps)), np.int32)
    log_odds[list(boosts)] = list(boosts.values())
    is_buried[list(buried)] = True
    places[list(pins)] = list(pins.values())
    for cap, (_, grouped) in enumerate(caps):
        groups[list(grouped), cap] = list(grouped.values())
    moves = [Move(f"boost {row}", _only(row), needs_scores=True) for row in boosts]
    moves += [Move(f"bury {row}", _only(row)) for row in buried]
    moves += [Move(f"pin {row}", _only(row), place=place) for row, place in pins.items()]
    return RowRules(
        log_odds=log_odds,
        is_buried=is_buried,
        places=places,
        pinned=np.array(list(pins), np.int32),
        groups=groups,
        most=np.array([most for most, _ in caps], np.int32),
        group_count=int(groups.max(initial=0)) + 1,
        moves=moves,
    )


def _only(row: int) -> np.ndarray:
    return np.array([row], np.int32)
