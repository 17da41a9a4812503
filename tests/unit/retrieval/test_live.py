import numpy as np
import pytest

from shortlist.core.errors import UnavailableError
from shortlist.retrieval.live import LATE_S, LiveSource
from shortlist.retrieval.sources import PopularSource
from support.clock import Clock
from support.retrieval_batches import histories, retrieval

BATCH = retrieval(histories([[2], [3]]))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source(clock: Clock) -> LiveSource:
    return LiveSource("trending", clock=clock)


def popular(*rows: int) -> PopularSource:
    return PopularSource(np.array(rows, np.int32), 10, "trending")


def test_before_there_are_lists_nothing_is_proposed(source: LiveSource, clock: Clock) -> None:
    clock.now += 10 * LATE_S
    assert source.propose(BATCH).rows.shape == (2, 0)


def test_the_newest_lists_are_used(source: LiveSource) -> None:
    source.put(popular(4, 5))
    source.put(popular(6, 7))
    assert source.propose(BATCH).rows.tolist() == [[6, 7], [6, 7]]


def test_lists_that_nobody_replaces_are_left_out_and_their_age_is_said(source: LiveSource, clock: Clock) -> None:
    source.put(popular(4))
    clock.now += LATE_S
    assert source.propose(BATCH).rows.tolist() == [[4], [4]]
    clock.now += 0.5
    with pytest.raises(UnavailableError, match="no new list for 60 s") as late:
        source.propose(BATCH)
    assert late.value.dependency == "features"
    source.put(popular(4))
    assert source.propose(BATCH).rows.tolist() == [[4], [4]]


def test_lists_that_are_gone_are_not_late(source: LiveSource, clock: Clock) -> None:
    source.put(popular(4))
    source.put(None)
    clock.now += 10 * LATE_S
    assert source.propose(BATCH).rows.shape == (2, 0)
