import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.offline.item_sets import ItemSets

OWNERS, CODES = 4, 9
PAIRS = st.lists(st.tuples(st.integers(0, OWNERS - 1), st.integers(0, CODES - 1)), max_size=30)
LISTED = st.lists(st.lists(st.integers(0, CODES + 3), min_size=5, max_size=5), min_size=OWNERS, max_size=OWNERS)


def _collect(pairs: list[tuple[int, int]]) -> tuple[ItemSets, list[set[int]]]:
    owners, codes = np.array(pairs, np.int32).reshape(-1, 2).T
    oracle = [{code for owner, code in pairs if owner == at} for at in range(OWNERS)]
    return ItemSets.from_pairs(owners, codes, OWNERS), oracle


@given(PAIRS)
def test_sets_hold_each_pair_once_in_ascending_order(pairs: list[tuple[int, int]]) -> None:
    sets, oracle = _collect(pairs)
    assert [sets[owner].tolist() for owner in range(OWNERS)] == [sorted(codes) for codes in oracle]
    assert sets.sizes.tolist() == [len(codes) for codes in oracle]


@given(PAIRS, LISTED)
def test_membership_is_that_of_a_set(pairs: list[tuple[int, int]], listed: list[list[int]]) -> None:
    sets, oracle = _collect(pairs)
    expected = [[code in codes for code in row] for row, codes in zip(listed, oracle, strict=True)]
    assert sets.contain(np.array(listed, np.int32)).tolist() == expected
    assert sets.mask(CODES).tolist() == [[code in codes for code in range(CODES)] for codes in oracle]


@given(PAIRS, st.integers(0, OWNERS), st.integers(0, OWNERS))
def test_a_block_holds_the_same_sets(pairs: list[tuple[int, int]], one: int, other: int) -> None:
    sets, oracle = _collect(pairs)
    start, stop = sorted((one, other))
    block = sets.block(start, stop)
    assert [block[at].tolist() for at in range(len(block))] == [sorted(codes) for codes in oracle[start:stop]]
