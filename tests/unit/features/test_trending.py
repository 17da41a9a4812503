import numpy as np
import pytest

from shortlist.core.types import EventType
from shortlist.features.counters import ItemCounters
from shortlist.features.trending import SMOOTHING, trending


def counters(*rates: dict[EventType, float]) -> ItemCounters:
    """Make the counters of items whose keys count from 1."""
    table = np.zeros((len(rates), len(EventType)))
    for item, own in enumerate(rates):
        for kind, rate in own.items():
            table[item, kind - 1] = rate
    return ItemCounters(np.arange(1, len(rates) + 1, dtype=np.uint64), table.astype(np.int64), table)


def test_what_is_touched_more_comes_first() -> None:
    listed = trending(counters({EventType.CLICK: 2.0}, {EventType.CLICK: 5.0}, {EventType.CLICK: 3.0}))
    assert listed.keys.tolist() == [2, 3, 1]
    assert listed.scores.tolist() == pytest.approx([rate / (10.0 + SMOOTHING) for rate in (5.0, 3.0, 2.0)])


def test_a_purchase_counts_as_many_views_as_it_is_rarer() -> None:
    views, purchases = 10_000.0, 1_000.0
    listed = trending(
        counters(
            {EventType.VIEW: 120.0},
            {EventType.PURCHASE: 13.0},
            {EventType.VIEW: views - 120.0, EventType.PURCHASE: purchases - 13.0},
        )
    )
    assert listed.keys.tolist() == [3, 2, 1]


def test_the_first_purchase_of_all_does_not_outweigh_many_views() -> None:
    listed = trending(counters({EventType.VIEW: 1000.0}, {EventType.PURCHASE: 1.0}))
    assert listed.keys.tolist() == [1, 2]


def test_what_was_only_shown_or_hidden_is_no_trend() -> None:
    listed = trending(counters({EventType.IMPRESSION: 99.0, EventType.HIDE: 9.0}, {EventType.CLICK: 1.0}))
    assert listed.keys.tolist() == [2]


def test_what_was_touched_days_ago_is_no_trend() -> None:
    assert trending(counters({EventType.CLICK: 0.09}, {EventType.CLICK: 0.11})).keys.tolist() == [2]


def test_the_list_is_bounded_and_ties_go_to_the_smaller_key() -> None:
    listed = trending(counters(*[{EventType.CART: 1.0}] * 5), most=3)
    assert listed.keys.tolist() == [1, 2, 3]


def test_nothing_trends_where_nothing_happened() -> None:
    assert trending(counters()).keys.shape == (0,)
