import numpy as np
import pytest

from shortlist.core.types import Filter, History, PriceRange


@pytest.mark.parametrize(
    ("condition", "restricts"),
    [
        (Filter(), False),
        (Filter(exclude_item_ids=("a",), exclude_seen=True), False),
        (Filter(include_categories=("Tea",)), True),
        (Filter(exclude_categories=("Tea",)), True),
        (Filter(price=PriceRange()), True),
    ],
)
def test_only_categories_and_prices_restrict_the_catalogue(condition: Filter, *, restricts: bool) -> None:
    assert condition.restricts_catalogue is restricts


def test_the_newest_events_are_the_first_columns() -> None:
    numbers = np.arange(6, dtype=np.int32).reshape(2, 3)
    newest = History(numbers, numbers + 10, numbers.astype(np.float32)).newest(2)
    assert newest.rows.tolist() == [[0, 1], [3, 4]]
    assert newest.types.tolist() == [[10, 11], [13, 14]]
    assert newest.ages.tolist() == [[0.0, 1.0], [3.0, 4.0]]


def test_asking_for_more_than_there_is_gives_the_whole_history() -> None:
    assert History.empty(2, 3).newest(10).rows.shape == (2, 3)
