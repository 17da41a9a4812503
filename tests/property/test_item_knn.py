import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.offline.neighbours import item_knn_lists

ITEMS = 6
EVENTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, ITEMS - 1)), min_size=1, max_size=40)


@given(EVENTS, st.integers(1, ITEMS + 2))
def test_neighbour_lists_equal_a_naive_search(events: list[tuple[int, int]], k: int) -> None:
    users, items = np.array(events, np.int32).T
    rows, weights = item_knn_lists(users, items, ITEMS, k)
    buyers = [{user for user, bought in events if bought == item} for item in range(ITEMS)]
    for item in range(ITEMS):
        cosines = [
            len(buyers[item] & buyers[other]) / math.sqrt(len(buyers[item]) * len(buyers[other]))
            for other in range(ITEMS)
            if other != item and buyers[item] & buyers[other]
        ]
        best = sorted(cosines, reverse=True)[:k]
        assert weights[item, : len(best)] == pytest.approx(best)
        assert not weights[item, len(best) :].any()
        assert item not in rows[item, : len(best)]
