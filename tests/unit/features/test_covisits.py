from collections.abc import Mapping

import numpy as np
import pytest

from shortlist.core.arrays import Structured
from shortlist.features.covisits import SMOOTHING, CoVisits, Pairs, covisits
from shortlist.features.derived import PAIR_DTYPE, PAIR_HALF_LIFE_S
from support.user_events import START_S


def field(one: int, other: int) -> bytes:
    """Name a pair as the shards do."""
    first, second = sorted(key.to_bytes(8, "little") for key in (one, other))
    return first + second


def records(*weights: float, time_s: int = START_S) -> Structured:
    """Make the records of pairs."""
    made = np.zeros(len(weights), PAIR_DTYPE)
    made["time"], made["weight"] = time_s, weights
    return made


def pairs(weights: Mapping[tuple[int, int], float]) -> Pairs:
    """Make pairs."""
    return Pairs.added_up([field(*pair) for pair in weights], records(*weights.values()), START_S)


def listed(found: CoVisits) -> dict[int, list[int]]:
    """Name each item's others."""
    ends = np.cumsum(found.counts.astype(int))
    others = np.split(found.others, ends[:-1]) if len(ends) else []
    return {key: list(own) for key, own in zip(found.keys.tolist(), (part.tolist() for part in others), strict=True)}


def test_the_shards_weights_of_a_pair_are_added_up_as_of_one_moment() -> None:
    shards = np.concatenate([records(2.0), records(4.0, time_s=START_S - PAIR_HALF_LIFE_S), records(7.0)])
    added = Pairs.added_up([field(5, 9), field(9, 5), field(5, 300)], shards, START_S)
    keys = added.keys.tolist()
    found = {
        frozenset((keys[one], keys[other])): weight
        for one, other, weight in zip(added.ones, added.others, added.weights, strict=True)
    }
    assert found == {frozenset((5, 9)): pytest.approx(4.0), frozenset((5, 300)): pytest.approx(7.0)}


def test_each_of_a_pair_lists_the_other() -> None:
    found = covisits(pairs({(1, 2): 3.0}))
    assert listed(found) == {1: [2], 2: [1]}
    assert found.weights.tolist() == pytest.approx([3.0 / (3.0 + SMOOTHING)] * 2)


def test_what_goes_with_everything_comes_after_what_goes_with_little_else() -> None:
    weights = {(1, 2): 6.0, (1, 3): 6.0} | {(3, other): 6.0 for other in range(10, 20)}
    assert listed(covisits(pairs(weights)))[1] == [2, 3]


def test_so_many_others_are_listed_of_so_many_items() -> None:
    weights = {(1, other): float(other) for other in range(2, 12)}
    found = covisits(pairs(weights), most_items=3, most_others=2)
    assert len(found.keys) == 3
    assert max(found.counts) == 2
    assert 1 in found.keys


def test_without_pairs_nothing_is_listed() -> None:
    found = covisits(Pairs.added_up([], records(), START_S))
    assert [len(found.keys), len(found.counts), len(found.others), len(found.weights)] == [0, 0, 0, 0]
