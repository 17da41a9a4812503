import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.offline.item_sets import ItemSets
from shortlist.offline.metrics import hit_rate_at, mrr_at, ndcg_at, recall_at

ITEMS = range(1, 13)
USERS = st.lists(
    st.tuples(st.lists(st.sampled_from(ITEMS), min_size=6, max_size=6, unique=True), st.sets(st.sampled_from(ITEMS))),
    min_size=1,
    max_size=5,
)


def _sets(sets: list[set[int]]) -> ItemSets:
    pairs = [(owner, code) for owner, codes in enumerate(sets) for code in codes]
    owners, codes = np.array(pairs, np.int32).reshape(-1, 2).T
    return ItemSets.from_pairs(owners, codes, len(sets))


@given(USERS, st.integers(1, 8))
def test_metrics_equal_their_definitions(users: list[tuple[list[int], set[int]]], k: int) -> None:
    relevant = _sets([wanted for _, wanted in users])
    hits = relevant.contain(np.array([listed for listed, _ in users], np.int32))
    ndcg, recall = ndcg_at(k, hits, relevant.sizes), recall_at(k, hits, relevant.sizes)
    for user, (listed, wanted) in enumerate(users):
        ranks = [rank for rank, item in enumerate(listed[:k], 1) if item in wanted]
        ideal = sum(1 / math.log2(1 + rank) for rank in range(1, min(k, len(wanted)) + 1))
        gained = sum(1 / math.log2(1 + rank) for rank in ranks)
        assert ndcg[user] == pytest.approx(gained / ideal if ideal else 0.0)
        assert recall[user] == pytest.approx(len(ranks) / len(wanted) if wanted else 0.0)
        assert hit_rate_at(k, hits)[user] == bool(ranks)
        assert mrr_at(k, hits)[user] == pytest.approx(1 / ranks[0] if ranks else 0.0)
