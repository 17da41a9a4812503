"""Group and order entries of (request, row) in linear time, without a loop over them.

A scratch table has a place for every (request, row). Entries write their own number there and read back whose number
stands there: entries that read the same number are of one group. Nothing is ever cleared, since only places that were
just written are read, or what was read is checked. This replaces sorting: at 32 requests of 1,200 entries it is five
times faster than NumPy's vectorised sort of 64-bit keys with what has to follow it.
"""

import threading

import numpy as np

from shortlist.core.arrays import F32, I32, I64, Bool
from shortlist.core.types import PADDING_ROW

_SCRATCH = threading.local()
_INDEX_BITS = 24


def table(size: int) -> I32:
    """Borrow this thread's scratch table, at least `size` long, with any content."""
    held: I32 | None = getattr(_SCRATCH, "table", None)
    if held is None or len(held) < size:
        held = np.zeros(size, np.int32)
        _SCRATCH.table = held
    return held


def group(places: I64, size: int) -> tuple[I64, I64]:
    """Group equal places.

    Args:
        places: (n,) int64, each in [0, size).
        size: Number of places.

    Returns:
        The group of each entry (n,), numbered by first appearance, and the first entry of each group (G,).
    """
    scratch = table(size)
    numbers = np.arange(len(places), dtype=np.int32)
    # NumPy keeps the last of repeated assignments: written backwards, the first entry of a group wins.
    scratch[places[::-1]] = numbers[::-1]
    winner = scratch[places]
    first = np.flatnonzero(winner == numbers)
    number_of = np.empty(len(places), np.int64)
    number_of[first] = np.arange(len(first))
    return number_of[winner], first


def is_excluded(rows: I32, excluded: I32) -> Bool:
    """Mark which of a request's rows it excludes; request by request, which is faster than all of a batch at once.

    Args:
        rows: (B, M) int32.
        excluded: (B, E) int32, 0 pads.
    """
    marked = np.zeros(rows.shape, np.bool_)
    if not excluded.size:
        return marked
    flags = _flags(1 + max(int(rows.max(initial=0)), int(excluded.max())))
    for own, barred, target in zip(rows, excluded, marked, strict=True):
        flags[barred] = True
        flags[PADDING_ROW] = False
        target[:] = flags[own]
        flags[barred] = False
    return marked


def _flags(size: int) -> Bool:
    """Borrow this thread's flags, at least `size` long and all false; they are given back so."""
    held: Bool | None = getattr(_SCRATCH, "flags", None)
    if held is None or len(held) < size:
        held = np.zeros(size, np.bool_)
        _SCRATCH.flags = held
    return held


def best_first(request: I64, scores: F32, users: int) -> tuple[I64, I64]:
    """Order entries by request, then by falling score, ties by position.

    Args:
        request: (G,) int64, ascending, below 2^7; G below 2^24.
        scores: (G,) float32, 0 or more.
        users: Number of requests.

    Returns:
        The order (G,), and each ordered entry's place within its request, from 0.
    """
    # The bits of a float that is 0 or more ascend with its value. Request, inverted score and position in one 64-bit
    # number make the order a plain sort, which NumPy does with vector instructions, several times faster than argsort.
    falling = 0xFFFFFFFF - np.ascontiguousarray(scores, np.float32).view(np.uint32).astype(np.int64)
    packed = (request << (32 + _INDEX_BITS)) | (falling << _INDEX_BITS) | np.arange(len(request))
    packed.sort()
    order = packed & ((1 << _INDEX_BITS) - 1)
    counts = np.bincount(request, minlength=users)
    return order, np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
