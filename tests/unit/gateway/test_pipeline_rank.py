"""The caller's own candidates, and explanations."""

import pytest

from shortlist.core.types import Query
from shortlist.release.bundle import Release
from support.ann import ANN, BOUGHT, LAMPS, SESSION, numbers, rows
from support.pipelines import (
    QUOTA,
    BrokenIndex,
    Kitchen,
    PlayedRanker,
    by_row,
    failing,
    kitchen,
    sources_of,
)
from support.tiny_release import (
    CANDIDATES,
    ITEMS,
    category_of,
    item_id,
    numbers_in,
)


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
