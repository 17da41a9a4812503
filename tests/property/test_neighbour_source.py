from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.core.types import EventType, History
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.sources import NEIGHBOUR_HALF_LIFE_DAYS, NeighbourSource
from support.retrieval_batches import retrieval

ROWS, NEIGHBOURS, LENGTH = 9, 3, 5
RNG = np.random.default_rng(3)
NEIGHBOUR_ROWS = np.array([[0] * NEIGHBOURS] * 2 + [RNG.permutation(np.arange(2, ROWS))[:NEIGHBOURS] for _ in range(7)])
NEIGHBOUR_ROWS[4, 1:] = 0
NEIGHBOUR_WEIGHTS = np.where(NEIGHBOUR_ROWS > 0, RNG.uniform(0.1, 1.0, NEIGHBOUR_ROWS.shape), 0.0).astype(np.float16)

USERS = st.lists(
    st.lists(st.tuples(st.integers(1, ROWS - 1), st.floats(0, 1000, width=32)), max_size=LENGTH), min_size=1, max_size=4
)
FILTERS = st.none() | st.sets(st.integers(2, ROWS - 1))


def kept_of(rows: set[int] | None) -> Kept | None:
    """Make a filter that keeps these rows."""
    if rows is None:
        return None
    mask = np.isin(np.arange(ROWS), list(rows))
    return Kept(mask, np.zeros((ROWS, 1), np.float16))


def oracle(events: list[tuple[int, float]], kept: set[int] | None) -> dict[int, float]:
    """Add up the votes for each item, one by one."""
    votes: dict[int, float] = defaultdict(float)
    for row, age in events:
        for neighbour, weight in zip(NEIGHBOUR_ROWS[row].tolist(), NEIGHBOUR_WEIGHTS[row].tolist(), strict=True):
            if neighbour and (kept is None or neighbour in kept):
                votes[neighbour] += weight * 2.0 ** (-age / NEIGHBOUR_HALF_LIFE_DAYS)
    return votes


@given(USERS, st.data())
def test_votes_are_what_they_are_one_by_one(users: list[list[tuple[int, float]]], data: st.DataObject) -> None:
    filters = [data.draw(FILTERS) for _ in users]
    history = History.empty(len(users), LENGTH)
    for user, events in enumerate(users):
        for place, (row, age) in enumerate(events):
            history.rows[user, place], history.ages[user, place] = row, age
            history.types[user, place] = EventType.CLICK
    source = NeighbourSource("neighbours", NEIGHBOUR_ROWS.astype(np.int32), NEIGHBOUR_WEIGHTS, ROWS)
    found = source.propose(retrieval(history, [kept_of(rows) for rows in filters]))
    for user, events in enumerate(users):
        expected = oracle(events, filters[user])
        items = found.rows[user][found.rows[user] > 0].tolist()
        assert sorted(items) == sorted(expected)
        scores = found.scores[user, : len(items)]
        assert np.allclose(scores, [expected[row] for row in items], rtol=1e-4, atol=1e-30)
        assert (np.diff(scores) <= 0).all()
        assert not found.rows[user, len(items) :].any()
