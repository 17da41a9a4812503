import numpy as np
import pytest

from shortlist.core.arrays import F32, AnyArray
from shortlist.core.types import FIRST_ITEM_ROW, Degraded, EventType, Filter, PriceRange, Query
from shortlist.features.row import UserRow
from shortlist.release.bundle import Release
from shortlist.resilience.breaker import FAILURES_TO_OPEN, BreakerState
from shortlist.resilience.deadline import Deadline
from shortlist.telemetry.gateway import STAGES
from support.pipelines import (
    QUOTA,
    BrokenIndex,
    BrokenSource,
    Kitchen,
    PlayedRanker,
    by_row,
    failing,
    kitchen,
    not_finite,
    of_another_shape,
    sources_of,
)
from support.tiny_release import (
    CANDIDATES,
    ITEMS,
    LOG_END_S,
    SOURCES,
    UNPRICED,
    build_tiny_release,
    category_of,
    item_id,
    numbers_in,
    user_row,
)

LAMPS = numbers_in("Lamps")
BOUGHT = LAMPS[:5]
ANN = Query("ann", 10)
SESSION = tuple(item_id(number) for number in numbers_in("Tea")[:3])


def rows() -> dict[str, UserRow]:
    """Store Ann, who buys lamps, and Bo, who buys bread and one tea."""
    return {"ann": user_row(BOUGHT), "bo": user_row([*numbers_in("Bread")[:6], numbers_in("Tea")[0]], version=4)}


@pytest.fixture
def whole(tiny_release: Release) -> Kitchen:
    """Compose a pipeline in which everything works."""
    return kitchen(tiny_release, rows())


def numbers(place: Kitchen, rows_: np.ndarray) -> list[int]:
    """Number the items of rows."""
    return [int(place.release.vocabulary.id_of(row).removeprefix("item-")) for row in rows_.tolist()]


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


class TestFilters:
    """What may appear."""

    def test_a_limit_larger_than_the_candidates_gives_fewer_items_and_no_padding(self, whole: Kitchen) -> None:
        slate = whole.one(Query("ann", 200))
        assert 0 < len(slate.rows) <= CANDIDATES
        assert slate.rows.min() >= FIRST_ITEM_ROW

    def test_a_limit_larger_than_what_a_filter_keeps_gives_what_it_keeps(self, whole: Kitchen) -> None:
        condition = Filter(include_categories=("Tea",), price=PriceRange(0.0, 10.0), exclude_seen=False)
        slate = whole.one(Query("ann", 200, condition))
        kept = [row for row in _rows_in(whole, "Tea") if whole.release.catalogue.prices[row] <= 10.0]
        assert sorted(slate.rows.tolist()) == kept

    @pytest.mark.parametrize("user", ["ann", "nobody"])
    def test_a_filter_that_leaves_nothing_gives_an_empty_list(self, whole: Kitchen, user: str) -> None:
        slate = whole.one(Query(user, 10, Filter(include_categories=("Cars",))))
        assert slate.rows.tolist() == []
        assert slate.degraded == ()

    @pytest.mark.parametrize("user", ["ann", "nobody"])
    @pytest.mark.parametrize(
        "condition",
        [
            Filter(include_categories=("Tea", "Home")),
            Filter(exclude_categories=("Lamps",)),
            Filter(price=PriceRange(5.0, 15.0)),
            Filter(include_categories=("Food",), exclude_categories=("Tea",), price=PriceRange(low=10.0)),
        ],
    )
    def test_categories_and_prices_are_exact(self, whole: Kitchen, user: str, condition: Filter) -> None:
        slate = whole.one(Query(user, 200, condition))
        assert len(slate.rows) > 0
        assert whole.release.catalogue.allowed(condition)[slate.rows].all()

    def test_an_item_without_a_price_is_in_no_price_range(self, whole: Kitchen) -> None:
        slate = whole.one(Query("ann", 200, Filter(price=PriceRange())))
        assert not set(numbers(whole, slate.rows)) & set(UNPRICED)

    @pytest.mark.parametrize("user", ["ann", "nobody"])
    def test_an_item_that_the_caller_excludes_does_not_appear(self, whole: Kitchen, user: str) -> None:
        first = whole.ids(whole.one(Query(user, 3)))
        rest = whole.ids(whole.one(Query(user, 200, Filter(exclude_item_ids=tuple(first)))))
        assert rest
        assert not set(first) & set(rest)

    def test_what_was_bought_does_not_appear_unless_asked_for(self, whole: Kitchen) -> None:
        bought = {item_id(number) for number in BOUGHT}
        assert not bought & set(whole.ids(whole.one(Query("ann", 200, Filter(exclude_seen=True)))))
        assert bought <= set(whole.ids(whole.one(Query("ann", 200, Filter(exclude_seen=False)))))

    def test_unless_told_seen_items_are_treated_as_the_release_says(self, whole: Kitchen) -> None:
        assert whole.release.manifest.exclude_seen
        unsaid, said = Query("ann", 50), Query("ann", 50, Filter(exclude_seen=True))
        assert whole.ids(whole.one(unsaid)) == whole.ids(whole.one(said))

    def test_what_the_session_holds_counts_as_seen(self, whole: Kitchen) -> None:
        slate = whole.one(Query("nobody", 200, session_item_ids=SESSION))
        assert not set(SESSION) & set(whole.ids(slate))

    def test_many_exclusions_still_leave_a_full_list(self, whole: Kitchen) -> None:
        excluded = tuple(item_id(number) for number in LAMPS + numbers_in("Garden"))
        slate = whole.one(Query("ann", 20, Filter(exclude_item_ids=excluded)))
        assert len(slate.rows) == 20


def _rows_in(place: Kitchen, category: str) -> list[int]:
    """List the rows of a category, ascending."""
    wanted = [item_id(number) for number in numbers_in(category)]
    return sorted(place.release.vocabulary.rows_of_ids(wanted).tolist())


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

    def test_a_store_that_keeps_failing_is_left_alone(self, whole: Kitchen) -> None:
        whole.store.is_down = True
        for _ in range(FAILURES_TO_OPEN + 3):
            slate = whole.one(ANN)
        assert whole.store.reads == FAILURES_TO_OPEN
        assert slate.degraded == (Degraded.FEATURES_UNAVAILABLE,)

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


class TestRank:
    """The caller's own candidates."""

    CANDIDATES = tuple(item_id(number) for number in (*numbers_in("Tea")[:4], *LAMPS[:8]))

    @pytest.mark.parametrize("user", ["ann", "nobody"])
    def test_every_known_candidate_comes_back_once(self, whole: Kitchen, user: str) -> None:
        slate = whole.one(Query(user, 1000, candidate_ids=self.CANDIDATES))
        assert sorted(whole.ids(slate)) == sorted(self.CANDIDATES)

    @pytest.mark.parametrize("user", ["ann", "nobody"])
    def test_more_candidates_than_any_quota_all_come_back(self, whole: Kitchen, user: str) -> None:
        everything = tuple(item_id(number) for number in range(ITEMS))
        assert max(CANDIDATES, QUOTA) < ITEMS
        slate = whole.one(Query(user, 1000, candidate_ids=everything))
        assert sorted(whole.ids(slate)) == list(everything)

    def test_all_come_back_where_the_index_is_gone(self, tiny_release: Release) -> None:
        place = kitchen(tiny_release, rows(), sources=sources_of(tiny_release, BrokenIndex()))
        slate = place.one(Query("ann", 1000, candidate_ids=self.CANDIDATES))
        assert sorted(place.ids(slate)) == sorted(self.CANDIDATES)

    def test_all_come_back_where_the_ranker_is_gone(self, tiny_release: Release) -> None:
        place = kitchen(tiny_release, rows(), PlayedRanker(failing))
        slate = place.one(Query("ann", 1000, candidate_ids=self.CANDIDATES))
        assert sorted(place.ids(slate)) == sorted(self.CANDIDATES)

    def test_unknown_candidates_are_named(self, whole: Kitchen) -> None:
        slate = whole.one(Query("ann", 1000, candidate_ids=("gone", item_id(3), "lost")))
        assert (whole.ids(slate), slate.unknown_ids) == ([item_id(3)], ("gone", "lost"))

    def test_only_unknown_candidates_give_an_empty_list(self, whole: Kitchen) -> None:
        slate = whole.one(Query("ann", 1000, candidate_ids=("gone",)))
        assert (slate.rows.tolist(), slate.unknown_ids) == ([], ("gone",))

    def test_what_was_bought_is_ranked_as_well(self, whole: Kitchen) -> None:
        bought = tuple(item_id(number) for number in BOUGHT)
        assert sorted(whole.ids(whole.one(Query("ann", 1000, candidate_ids=bought)))) == sorted(bought)

    def test_what_the_user_likes_comes_first(self, whole: Kitchen) -> None:
        slate = whole.one(Query("ann", 1000, candidate_ids=self.CANDIDATES))
        assert {category_of(number) for number in numbers(whole, slate.rows[:8])} == {"Lamps"}

    def test_the_limit_counts(self, whole: Kitchen) -> None:
        assert len(whole.one(Query("ann", 3, candidate_ids=self.CANDIDATES)).rows) == 3


class TestExplanations:
    """Why an item stands where it stands."""

    EXPLAINED = Query("bo", 5, explain=True)

    def test_nothing_is_explained_unless_asked_for(self, whole: Kitchen) -> None:
        slate = whole.one(ANN)
        assert slate.explanations is None
        assert slate.user is None

    def test_every_item_shows_what_the_ranker_saw(self, tiny_release: Release) -> None:
        ranker = PlayedRanker(by_row)
        place = kitchen(tiny_release, rows(), ranker)
        slate = place.one(self.EXPLAINED)
        assert slate.explanations is not None
        seen = ranker.batches[0]
        for row, explanation in zip(slate.rows.tolist(), slate.explanations, strict=True):
            column = seen["candidates"][0].tolist().index(row)
            assert explanation.features.tolist() == seen["candidate_dense"][0, column].tolist()

    def test_the_nearest_items_of_the_history_come_nearest_first(self, whole: Kitchen) -> None:
        slate = whole.one(self.EXPLAINED)
        assert slate.explanations is not None
        for explanation in slate.explanations:
            cosines = [cosine for _, cosine in explanation.neighbours]
            assert len(cosines) == 3
            assert cosines == sorted(cosines, reverse=True)

    def test_the_user_is_explained(self, whole: Kitchen) -> None:
        slate = whole.one(Query("bo", 5, explain=True, session_item_ids=SESSION))
        assert slate.user is not None
        assert (slate.user.event_count, slate.user.row_version) == (7, 4)
        recent = [whole.release.vocabulary.id_of(row) for row in slate.user.recent_rows]
        assert recent[:4] == [*SESSION[::-1], item_id(numbers_in("Bread")[0])]

    def test_an_unknown_user_is_explained_as_unknown(self, whole: Kitchen) -> None:
        slate = whole.one(Query("nobody", 5, explain=True))
        assert slate.user is not None
        assert (slate.user.recent_rows, slate.user.event_count, slate.user.row_version) == ((), 0, 0)

    def test_explaining_changes_no_answer(self, whole: Kitchen) -> None:
        assert whole.ids(whole.one(self.EXPLAINED)) == whole.ids(whole.one(Query("bo", 5)))


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
