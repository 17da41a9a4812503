"""Whole answers: what they hold, for whom, and that they are the same alone and in company."""

import numpy as np
import pytest

from shortlist.core.types import Degraded, EventType, Filter, Query
from shortlist.release.bundle import Release
from shortlist.telemetry.gateway import STAGES
from support.ann import ANN, SESSION, numbers, rows
from support.pipelines import (
    Kitchen,
    PlayedRanker,
    by_row,
    failing,
    kitchen,
)
from support.tiny_release import (
    CANDIDATES,
    ITEMS,
    LOG_END_S,
    SOURCES,
    build_tiny_release,
    category_of,
    item_id,
    user_row,
)


class TestAWholeAnswer:
    """Everything works."""

    def test_it_is_personal_ranked_and_not_degraded(self, whole: Kitchen) -> None:
        slate = whole.one(ANN)
        assert {category_of(number) for number in numbers(whole, slate.rows)} == {"Lamps"}
        assert (slate.ranker, slate.degraded, slate.is_cold_start) == ("onnxruntime", (), False)
        assert (np.diff(slate.scores) <= 0).all()

    def test_it_holds_the_items_asked_for_each_once(self, whole: Kitchen) -> None:
        ids = whole.ids(whole.one(ANN))
        assert len(ids) == len(set(ids)) == 10

    def test_retrieval_scores_lie_between_nothing_and_one(self, whole: Kitchen) -> None:
        slate = whole.one(Query("ann", 50))
        assert 0.0 <= slate.retrieval_scores.min() <= slate.retrieval_scores.max() <= 1.0

    def test_every_item_was_proposed_by_a_source(self, whole: Kitchen) -> None:
        slate = whole.one(Query("ann", 50))
        assert (slate.source_ranks.max(axis=1) > 0).all()
        assert slate.source_ranks.shape[1] == len(SOURCES)

    def test_a_batch_reads_once_and_ranks_once(self, tiny_release: Release) -> None:
        ranker = PlayedRanker(by_row)
        place = kitchen(tiny_release, rows(), ranker)
        place.run(*[Query(user, 5) for user in ("ann", "bo", "ann", "nobody")])
        assert place.store.reads == 1
        assert len(ranker.batches) == 1

    def test_the_ranker_decides_the_order(self, tiny_release: Release) -> None:
        place = kitchen(tiny_release, rows(), PlayedRanker(by_row))
        slate = place.one(ANN)
        assert slate.rows.tolist() == sorted(slate.rows.tolist(), reverse=True)
        assert slate.scores.tolist() == slate.rows.tolist()

    def test_every_stage_that_it_names_has_a_metric(self, whole: Kitchen) -> None:
        whole.one(ANN)
        names = [name for name, _ in whole.traces[-1].stages]
        assert names == ["features", "encode", *SOURCES, "merge", "tensors", "rank", "slate"]
        assert set(names) <= {*STAGES, *SOURCES}
        whole.metrics.observe_stages(whole.traces[-1].stages)

    def test_candidates_are_counted(self, whole: Kitchen) -> None:
        whole.one(ANN)
        assert whole.count("candidates_items_count") == 1
        assert 0 < whole.count("candidates_items_sum") <= CANDIDATES


class TestWhoIsNotKnown:
    """Cold starts and sessions."""

    def test_an_unknown_user_gets_the_popular_items(self, whole: Kitchen) -> None:
        slate = whole.one(Query("nobody", 10))
        assert slate.rows.tolist() == whole.release.items.popular[:10].tolist()
        assert (slate.is_cold_start, slate.degraded, slate.ranker) == (True, (), "")

    def test_an_unknown_user_with_a_session_gets_a_personal_answer(self, whole: Kitchen) -> None:
        slate = whole.one(Query("nobody", 10, session_item_ids=SESSION))
        assert {category_of(number) for number in numbers(whole, slate.rows)} == {"Tea"}
        assert (slate.is_cold_start, slate.degraded) == (False, ())

    def test_a_session_of_unknown_items_only_is_a_cold_start(self, whole: Kitchen) -> None:
        assert whole.one(Query("nobody", 10, session_item_ids=("gone", "lost"))).is_cold_start

    def test_unknown_items_in_a_session_are_ignored(self, whole: Kitchen) -> None:
        with_unknown = Query("nobody", 10, session_item_ids=("gone", *SESSION))
        without = Query("nobody", 10, session_item_ids=SESSION)
        assert whole.ids(whole.one(with_unknown)) == whole.ids(whole.one(without))

    def test_unknown_excluded_items_are_ignored(self, whole: Kitchen) -> None:
        excluding = Query("ann", 10, Filter(exclude_item_ids=("gone",)))
        assert whole.ids(whole.one(excluding)) == whole.ids(whole.one(ANN))

    def test_a_user_whose_items_left_the_catalogue_is_a_cold_start(self, whole: Kitchen) -> None:
        row = user_row([1])
        row.events["key"] = 123
        whole.store.rows["cy"] = row
        assert whole.one(Query("cy", 10)).is_cold_start

    def test_a_session_adds_to_what_was_bought_before(self, whole: Kitchen) -> None:
        slate = whole.one(Query("ann", 20, session_item_ids=SESSION * 2))
        assert {category_of(number) for number in numbers(whole, slate.rows)} == {"Lamps", "Tea"}


class TestRowVersions:
    """The click that the next request already knows."""

    @pytest.mark.parametrize(("version", "degraded"), [(0, ()), (4, ()), (5, (Degraded.STALE_FEATURES,))])
    def test_an_older_row_than_demanded_is_named(
        self, whole: Kitchen, version: int, degraded: tuple[Degraded, ...]
    ) -> None:
        assert whole.one(Query("bo", 10, min_row_version=version)).degraded == degraded

    def test_a_missing_row_is_older_than_any(self, whole: Kitchen) -> None:
        slate = whole.one(Query("nobody", 10, session_item_ids=SESSION, min_row_version=1))
        assert slate.degraded == (Degraded.STALE_FEATURES,)

    def test_a_cold_start_for_a_user_who_had_a_row_says_so(self, whole: Kitchen) -> None:
        slate = whole.one(Query("nobody", 10, min_row_version=1))
        assert slate.is_cold_start
        assert slate.degraded == (Degraded.STALE_FEATURES,)


MIXED = (
    Query("ann", 10),
    Query("bo", 25, Filter(include_categories=("Food",))),
    Query("nobody", 7),
    Query("nobody", 12, session_item_ids=SESSION),
    Query("ann", 60, Filter(exclude_item_ids=tuple(item_id(number) for number in range(60)))),
    Query("bo", 1000, candidate_ids=tuple(item_id(number) for number in range(ITEMS))),
    Query("bo", 10, Filter(exclude_seen=False), at_s=LOG_END_S - 3 * 86_400.0),
    Query("ann", 10, Filter(include_categories=("Cars",))),
    Query("ann", 5, explain=True, min_row_version=9),
)


class TestTheSameAnswer:
    """An answer depends on its request, and on nothing that happens to share its batch or its release."""

    def test_a_batch_answers_each_request_as_if_it_were_alone(self, whole: Kitchen) -> None:
        together = whole.run(*MIXED)
        for query, slate in zip(MIXED, together, strict=True):
            alone = whole.one(query)
            assert whole.ids(slate) == whole.ids(alone)
            assert np.allclose(slate.scores, alone.scores, atol=1e-5)
            assert np.allclose(slate.retrieval_scores, alone.retrieval_scores, atol=1e-5)
            assert (slate.degraded, slate.is_cold_start) == (alone.degraded, alone.is_cold_start)

    @pytest.mark.parametrize("play", [None, failing])
    def test_two_releases_with_permuted_vocabularies_give_the_same_items(
        self, tiny_release: Release, tmp_path_factory: pytest.TempPathFactory, play: object
    ) -> None:
        order = np.random.default_rng(11).permutation(ITEMS).tolist()
        permuted = build_tiny_release(tmp_path_factory.mktemp("permuted") / "tiny", order)
        assert permuted.vocabulary.id_of(2) != tiny_release.vocabulary.id_of(2)
        answers = []
        for release in (tiny_release, permuted):
            ranker = PlayedRanker(play) if callable(play) else None
            place = kitchen(release, rows(), ranker)
            answers.append([place.ids(slate) for slate in place.run(*MIXED)])
        assert answers[0] == answers[1]

    def test_asking_twice_gives_the_same_answer(self, whole: Kitchen) -> None:
        first, second = whole.run(*MIXED), whole.run(*MIXED)
        assert [whole.ids(slate) for slate in first] == [whole.ids(slate) for slate in second]

    def test_a_row_that_no_model_can_take_does_not_touch_its_batch(self, whole: Kitchen) -> None:
        whole.store.rows["old"] = user_row([1], event_type=EventType.IMPRESSION, now_s=1)
        slate, _ = whole.run(ANN, Query("old", 5))
        assert slate.degraded == ()
