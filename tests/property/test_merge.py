from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.core.arrays import F32, I32
from shortlist.core.types import SourceList
from shortlist.retrieval.merge import RRF_CONSTANT, merge

ROWS = st.integers(2, 9)
LISTS = st.lists(ROWS, unique=True, max_size=6)


@st.composite
def requests(draw: st.DrawFn) -> list[tuple[list[list[int]], list[int], list[int]]]:
    """Draw for each request the lists of all sources, their quotas, and what is excluded."""
    sources = draw(st.integers(1, 3))
    return [
        (
            [draw(LISTS) for _ in range(sources)],
            [draw(st.integers(0, 7)) for _ in range(sources)],
            draw(st.lists(ROWS, max_size=4)),
        )
        for _ in range(draw(st.integers(1, 4)))
    ]


Request = tuple[list[list[int]], list[int], list[int]]


def score_of(row: int, source: int) -> float:
    """Give a source's score of an item."""
    return row + source / 4


def padded(lists: Sequence[Sequence[int]]) -> I32:
    """Make a matrix of lists of different lengths."""
    matrix = np.zeros((len(lists), max(map(len, lists), default=0)), np.int32)
    for place, values in enumerate(lists):
        matrix[place, : len(values)] = values
    return matrix


def merged(batch: list[Request], limit: int) -> list[tuple[list[int], list[list[int]], list[list[float]]]]:
    """Merge a batch; give rows, ranks and scores of each request."""
    lists = []
    for source in range(len(batch[0][0])):
        rows = padded([request[0][source] for request in batch])
        scores: F32 = np.where(rows > 0, rows + source / 4, 0.0).astype(np.float32)
        lists.append(SourceList(rows, scores, np.array([request[1][source] for request in batch], np.int32)))
    result = merge(lists, padded([request[2] for request in batch]), limit)
    return [
        (result.rows[place].tolist(), result.ranks[place].tolist(), result.scores[place].tolist())
        for place in range(len(batch))
    ]


def oracle(request: Request, limit: int) -> tuple[list[int], list[list[int]], list[list[float]]]:
    """Merge one request item by item."""
    lists, quotas, excluded = request
    left = [[row for row in rows if row not in excluded][:quota] for rows, quota in zip(lists, quotas, strict=True)]
    candidates = list(dict.fromkeys(row for rows in left for row in rows))
    ranks = {row: [rows.index(row) + 1 if row in rows else 0 for rows in left] for row in candidates}
    fused = {
        row: sum((np.float32(1.0 / (RRF_CONSTANT + rank)) for rank in places if rank), np.float32(0))
        for row, places in ranks.items()
    }
    best = sorted(candidates, key=lambda row: -fused[row])[:limit]
    padding = limit - len(best)
    return (
        best + [0] * padding,
        [ranks[row] for row in best] + [[0] * len(lists)] * padding,
        [[score_of(row, source) if rank else 0.0 for source, rank in enumerate(ranks[row])] for row in best]
        + [[0.0] * len(lists)] * padding,
    )


@given(requests(), st.integers(1, 20))
def test_a_merge_is_what_it_is_item_by_item(batch: list[Request], limit: int) -> None:
    assert merged(batch, limit) == [oracle(request, limit) for request in batch]


@given(requests(), st.integers(1, 20))
def test_what_a_request_gets_does_not_depend_on_its_batch(batch: list[Request], limit: int) -> None:
    assert merged(batch, limit) == [merged([request], limit)[0] for request in batch]
