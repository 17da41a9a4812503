"""Live sources in the pipeline: they join the others, the ranker does not see them, and a late one is left out."""

import numpy as np
import pytest

from shortlist.core.types import Degraded
from shortlist.release.bundle import Release
from shortlist.retrieval.live import LiveSource
from shortlist.retrieval.sources import PopularSource
from support.ann import ANN, rows
from support.pipelines import BrokenSource, Kitchen, PlayedRanker, by_row, kitchen
from support.tiny_release import ITEMS, SOURCES

LAST_ROW = ITEMS + 1


@pytest.fixture
def ranker() -> PlayedRanker:
    """Rank by row: the highest row wins."""
    return PlayedRanker(by_row)


@pytest.fixture
def place(tiny_release: Release, ranker: PlayedRanker) -> Kitchen:
    """Serve with a live source that proposes the last two items, the second last first."""
    source = LiveSource("trending")
    source.put(PopularSource(np.array([LAST_ROW - 1, LAST_ROW], np.int32), 20, "trending"))
    return kitchen(tiny_release, rows(), ranker, live=[source])


def test_what_it_proposes_is_ranked_with_the_others_and_names_it(place: Kitchen) -> None:
    slate = place.one(ANN)
    assert slate.rows[:2].tolist() == [LAST_ROW, LAST_ROW - 1]
    assert slate.source_ranks.shape == (10, len(SOURCES) + 1)
    assert slate.source_ranks[:2, -1].tolist() == [2, 1]
    assert not slate.source_ranks[2:, -1].any()
    assert not slate.degraded


def test_the_ranker_is_given_the_columns_of_the_sources_that_it_was_trained_on(
    place: Kitchen, ranker: PlayedRanker
) -> None:
    place.one(ANN)
    (tensors,) = ranker.batches
    assert tensors["candidate_dense"].shape[2] == len(place.release.manifest.features.candidate_dense)


def test_a_cold_start_has_a_place_for_it_too(place: Kitchen) -> None:
    warm, cold = place.run(ANN, type(ANN)("nobody", 10))
    assert cold.is_cold_start
    assert warm.source_ranks.shape == cold.source_ranks.shape


def test_one_that_is_late_is_left_out_and_counted_and_degrades_nothing(
    tiny_release: Release, ranker: PlayedRanker
) -> None:
    place = kitchen(tiny_release, rows(), ranker, live=[BrokenSource("trending")])
    slate = place.one(ANN)
    assert len(slate.rows) == 10
    assert slate.ranker == "played"
    assert not slate.degraded
    assert not slate.source_ranks[:, -1].any()
    assert place.count("source_failures_total", source="trending") == 1


def test_it_does_not_stand_in_for_the_sources_of_the_release(tiny_release: Release, ranker: PlayedRanker) -> None:
    source = LiveSource("trending")
    source.put(PopularSource(np.array([LAST_ROW], np.int32), 20, "trending"))
    broken = [BrokenSource(name) for name in SOURCES[:-1]]
    popular = PopularSource(tiny_release.items.popular, 30)
    place = kitchen(tiny_release, rows(), ranker, [*broken, popular], live=[source])
    assert place.one(ANN).degraded == (Degraded.FEWER_CANDIDATES, Degraded.RETRIEVAL_UNAVAILABLE)
