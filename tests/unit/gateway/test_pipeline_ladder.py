"""What fails, and the step of the ladder that the answer then stands on."""

import numpy as np
import pytest

from shortlist.core.arrays import F32, AnyArray
from shortlist.core.types import Degraded, Query
from shortlist.release.bundle import Release
from shortlist.resilience.breaker import FAILURES_TO_OPEN, BreakerState
from shortlist.resilience.deadline import Deadline
from support.ann import ANN, BOUGHT, SESSION, numbers, rows
from support.pipelines import (
    BrokenIndex,
    BrokenSource,
    Kitchen,
    PlayedRanker,
    failing,
    kitchen,
    not_finite,
    of_another_shape,
    sources_of,
)
from support.tiny_release import (
    SOURCES,
    category_of,
)


class TestTheLadder:
    """What fails is named, counted and survived."""

    def test_without_features_a_user_is_a_cold_start_that_says_why(self, whole: Kitchen) -> None:
        whole.store.is_down = True
        slate = whole.one(ANN)
        assert slate.rows.tolist() == whole.release.items.popular[:10].tolist()
        assert (slate.is_cold_start, slate.degraded) == (True, (Degraded.FEATURES_UNAVAILABLE,))
        assert whole.count("dependency_errors_total", dependency="redis") == 1

    def test_without_features_the_session_is_still_known(self, whole: Kitchen) -> None:
        whole.store.is_down = True
        slate = whole.one(Query("ann", 10, session_item_ids=SESSION))
        assert {category_of(number) for number in numbers(whole, slate.rows)} == {"Tea"}
        assert (slate.is_cold_start, slate.degraded) == (False, (Degraded.FEATURES_UNAVAILABLE,))

    @pytest.mark.parametrize("play", [failing, not_finite, of_another_shape])
    def test_without_scores_items_stand_in_retrieval_order(self, tiny_release: Release, play: object) -> None:
        assert callable(play)
        ranker = PlayedRanker(play)
        place = kitchen(tiny_release, rows(), ranker)
        slate = place.one(ANN)
        assert slate.rows.tolist() == ranker.batches[0]["candidates"][0, :10].tolist()
        assert (slate.ranker, slate.degraded) == ("", (Degraded.RANKER_UNAVAILABLE,))
        assert slate.scores.tolist() == slate.retrieval_scores.tolist()
        assert place.count("dependency_errors_total", dependency="triton") == 1

    def test_a_ranker_that_keeps_failing_is_left_alone(self, tiny_release: Release) -> None:
        ranker = PlayedRanker(failing)
        place = kitchen(tiny_release, rows(), ranker)
        for _ in range(FAILURES_TO_OPEN + 3):
            slate = place.one(ANN)
        assert len(ranker.batches) == FAILURES_TO_OPEN
        assert place.breakers["triton"].state is BreakerState.OPEN
        assert slate.degraded == (Degraded.RANKER_UNAVAILABLE,)

    def test_only_the_requests_whose_rows_are_stale_or_unread_say_so(self, whole: Kitchen) -> None:
        whole.store.stale, whole.store.unread = {1}, {2}
        slates = whole.run(ANN, Query("bo", 10), Query("nobody", 10), Query("stranger", 10))
        assert [slate.degraded for slate in slates] == [
            (),
            (Degraded.STALE_FEATURES,),
            (Degraded.FEATURES_UNAVAILABLE,),
            (),
        ]
        assert whole.count("dependency_errors_total", dependency="redis") == 1

    def test_a_cold_start_by_a_stale_row_says_so(self, whole: Kitchen) -> None:
        whole.store.stale = {0}
        slate = whole.one(Query("nobody", 10))
        assert (slate.is_cold_start, slate.degraded) == (True, (Degraded.STALE_FEATURES,))

    def test_the_store_is_told_which_version_each_request_asks_for(self, whole: Kitchen) -> None:
        whole.run(ANN, Query("bo", 10, min_row_version=4))
        assert whole.store.min_versions == [0, 4]

    def test_callers_in_a_hurry_do_not_open_the_rankers_breaker(
        self, tiny_release: Release, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def until_too_late(candidates: AnyArray) -> F32:
            monkeypatch.setattr(Deadline, "has_passed", lambda *_: True)
            return failing(candidates)

        place = kitchen(tiny_release, rows(), PlayedRanker(until_too_late))
        for _ in range(FAILURES_TO_OPEN):
            monkeypatch.undo()
            (slate,) = place.run(ANN)
            assert slate.degraded == (Degraded.RANKER_UNAVAILABLE,)
        assert place.breakers["triton"].state is BreakerState.CLOSED

    def test_without_the_index_the_other_sources_answer(self, tiny_release: Release) -> None:
        place = kitchen(tiny_release, rows(), sources=sources_of(tiny_release, BrokenIndex()))
        slate = place.one(ANN)
        assert slate.degraded == (Degraded.FEWER_CANDIDATES,)
        assert {category_of(number) for number in numbers(place, slate.rows[:5])} == {"Lamps"}
        assert not slate.source_ranks[:, SOURCES.index("tower")].any()
        assert place.count("source_failures_total", source="tower") == 1

    def test_without_any_personal_source_there_are_the_popular_items(self, tiny_release: Release) -> None:
        popular = sources_of(tiny_release)[-1]
        broken = [BrokenSource("tower"), BrokenSource("neighbours"), popular]
        place = kitchen(tiny_release, rows(), sources=broken)
        slate = place.one(ANN)
        expected = [row for row in place.release.items.popular.tolist() if row - 2 not in BOUGHT]
        assert slate.rows.tolist() == expected[:10]
        assert Degraded.RETRIEVAL_UNAVAILABLE in slate.degraded
        assert not slate.is_cold_start

    def test_everything_down_at_once_is_still_an_answer(self, tiny_release: Release) -> None:
        sources = sources_of(tiny_release, BrokenIndex())
        place = kitchen(tiny_release, rows(), PlayedRanker(failing), sources)
        place.store.is_down = True
        slate = place.one(Query("ann", 10, session_item_ids=SESSION))
        assert len(slate.rows) == 10
        assert slate.degraded == (
            Degraded.FEWER_CANDIDATES,
            Degraded.FEATURES_UNAVAILABLE,
            Degraded.RANKER_UNAVAILABLE,
        )

    def test_a_cold_start_does_not_stand_on_the_steps_of_others(self, tiny_release: Release) -> None:
        place = kitchen(tiny_release, rows(), PlayedRanker(failing))
        known, unknown = place.run(ANN, Query("nobody", 10))
        assert known.degraded == (Degraded.RANKER_UNAVAILABLE,)
        assert unknown.degraded == ()

    def test_a_defect_is_not_hidden_as_a_degraded_answer(self, tiny_release: Release) -> None:
        def defective(candidates: np.ndarray) -> np.ndarray:
            raise RuntimeError("a defect")

        with pytest.raises(RuntimeError, match="a defect"):
            kitchen(tiny_release, rows(), PlayedRanker(defective)).one(ANN)
