import numpy as np
import pytest

from shortlist.core.errors import UnavailableError
from shortlist.release.bundle import Release
from shortlist.retrieval.measured import MeasuredIndex
from support.pipelines import BrokenIndex, open_index
from support.tiny_release import DIMENSION, ITEMS

QUERIES = np.ones((2, DIMENSION), np.float32)


def test_it_finds_what_the_index_finds_and_tells_how_long_that_took(tiny_release: Release) -> None:
    index, seconds = open_index(tiny_release), list[float]()
    measured = MeasuredIndex(index, seconds.append)
    assert (measured.search(QUERIES, 5).rows == index.search(QUERIES, 5).rows).all()
    assert (measured.device, measured.dimension, len(measured)) == ("cpu", DIMENSION, ITEMS)
    (took,) = seconds
    assert took > 0


def test_a_search_that_fails_is_timed_and_fails(tiny_release: Release) -> None:
    seconds = list[float]()
    with pytest.raises(UnavailableError):
        MeasuredIndex(BrokenIndex(), seconds.append).search(QUERIES, 5)
    assert len(seconds) == 1


def test_it_closes_the_index(tiny_release: Release) -> None:
    index = open_index(tiny_release)
    MeasuredIndex(index, lambda _: None).close()
    with pytest.raises(UnavailableError):
        index.search(QUERIES, 5)
