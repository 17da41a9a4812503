import pytest

from shortlist.retrieval.plan import Plan, Reach, plan_search

SCAN, LISTS = Reach(1.0, 10**9), Reach(64 / 1024, 10**9)
GRAPH, DEVICE = Reach(None, 10**9), Reach(None, 2048)


def route(items: int, kept: int, reach: Reach, *, is_gatherable: bool = True) -> str:
    """Tell the way of a search for 200."""
    return plan_search(items, kept, 200, reach, is_gatherable=is_gatherable).route


@pytest.mark.parametrize("reach", [SCAN, LISTS, GRAPH, DEVICE])
@pytest.mark.parametrize("kept", [0, 1, 199, 200])
def test_what_is_wanted_whole_is_searched_exactly(reach: Reach, kept: int) -> None:
    assert route(10_000_000, kept, reach, is_gatherable=False) == "exact"


@pytest.mark.parametrize(("share", "expected"), [(0.001, "exact"), (0.01, "exact"), (0.1, "exact"), (0.9, "selector")])
def test_of_lists_few_kept_are_searched_exactly_and_many_by_a_selector(share: float, expected: str) -> None:
    assert route(1_000_000, int(share * 1_000_000), LISTS) == expected


def test_fewer_kept_search_more_lists() -> None:
    half, most = (plan_search(1_000_000, kept, 200, LISTS, is_gatherable=False) for kept in (500_000, 900_000))
    assert half == Plan("selector", pytest.approx(2 ** (2 / 3)), 200)
    assert 1.0 < most.lists < half.lists


def test_rows_that_must_be_gathered_first_tip_the_balance() -> None:
    assert route(1_000_000, 100_000, LISTS) == "exact"
    assert route(1_000_000, 100_000, LISTS, is_gatherable=False) == "selector"


def test_a_scan_skips_what_is_not_kept_only_where_it_cannot_be_gathered() -> None:
    assert route(1_000_000, 900_000, SCAN) == "exact"
    assert route(1_000_000, 900_000, SCAN, is_gatherable=False) == "selector"


@pytest.mark.parametrize("reach", [GRAPH, DEVICE])
def test_a_graph_and_a_device_never_get_a_selector(reach: Reach) -> None:
    for kept in (10, 1000, 100_000, 900_000):
        for is_gatherable in (True, False):
            assert route(1_000_000, kept, reach, is_gatherable=is_gatherable) != "selector"


def test_a_device_fetches_more_while_its_lists_are_long_enough() -> None:
    plan = plan_search(1_000_000, 500_000, 200, DEVICE, is_gatherable=False)
    assert plan == Plan("over-fetch", k=500)
    assert route(1_000_000, 122_000, DEVICE, is_gatherable=False) == "exact"
    assert route(1_000_000, 123_000, DEVICE, is_gatherable=False) == "over-fetch"
    assert route(1_000_000, 500_000, DEVICE) == "exact"
