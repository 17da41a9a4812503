import numpy as np
import pytest

from shortlist.telemetry.coverage import DistinctItems
from support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    """Stop a clock."""
    return Clock(1234.0)


@pytest.fixture
def items(clock: Clock) -> DistinctItems:
    """Remember items for 10 to 20 seconds."""
    return DistinctItems(100, clock, period_s=10.0)


def add(items: DistinctItems, *rows: int) -> None:
    """Mark items."""
    items.add(np.array(rows, np.int32))


def test_an_item_counts_once_however_often_it_was_in_an_answer(items: DistinctItems) -> None:
    add(items, 5, 7, 5)
    add(items, 7, 9)
    assert items.count() == 3


def test_an_item_is_remembered_for_the_next_period_and_not_longer(items: DistinctItems, clock: Clock) -> None:
    add(items, 5)
    clock.now += 10.0
    add(items, 7)
    assert items.count() == 2
    clock.now += 10.0
    assert items.count() == 1
    clock.now += 10.0
    assert items.count() == 0


def test_after_a_long_silence_nothing_is_remembered(items: DistinctItems, clock: Clock) -> None:
    add(items, 5)
    clock.now += 10.0
    add(items, 7)
    clock.now += 20.0
    assert items.count() == 0


def test_an_item_that_comes_back_is_remembered_anew(items: DistinctItems, clock: Clock) -> None:
    add(items, 5)
    for _ in range(3):
        clock.now += 10.0
        add(items, 5)
        assert items.count() == 1
