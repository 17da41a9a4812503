"""Rules and diversity in whole answers: of the ranker, of the retrieval order, of the popular list."""

from collections import Counter

import numpy as np
import pytest

from shortlist.core.rules import RowRules
from shortlist.core.types import Degraded, Filter, Query
from shortlist.release.bundle import Release
from support.ann import ANN, BOUGHT, LAMPS, rows
from support.pipelines import BrokenIndex, BrokenSource, Kitchen, PlayedRanker, failing, kitchen, sources_of
from support.row_rules import rules_over
from support.tiny_release import ITEMS, SOURCES, category_of, item_id, numbers_in

ROWS = ITEMS + 2
GARDEN = numbers_in("Garden")
"""Far from what Ann likes."""
WAYS = ("ranked", "not ranked", "not retrieved", "cold start")


def row_of(number: int) -> int:
    """Find an item's row: the tiny release has them in their order."""
    return number + 2


def one_of_each(most: int = 1) -> tuple[int, dict[int, int]]:
    """Cap every category."""
    return most, {row_of(number): 1 + number % 6 for number in range(ITEMS)}


def ruled(release: Release, rules: RowRules, way: str = "ranked") -> Kitchen:
    """Compose a pipeline with rules whose answers come to be in one of the ways."""
    ranker = PlayedRanker(failing) if way == "not ranked" else None
    sources = None
    if way == "not retrieved":
        sources = sources_of(release, BrokenIndex())
        sources[1] = BrokenSource(SOURCES[1])
    return kitchen(release, {} if way == "cold start" else rows(), ranker, sources, rules)


def asked(place: Kitchen, way: str, query: Query = ANN) -> list[int]:
    """Ask, see that the answer came to be in that way, and number its items."""
    slate = place.one(query)
    expected = {
        "ranked": (),
        "not ranked": (Degraded.RANKER_UNAVAILABLE,),
        "not retrieved": (Degraded.FEWER_CANDIDATES, Degraded.RETRIEVAL_UNAVAILABLE),
        "cold start": (),
    }
    assert (slate.degraded, slate.is_cold_start) == (expected[way], way == "cold start")
    return [row - 2 for row in slate.rows.tolist()]


class TestRules:
    """In every way in which an answer comes to be."""

    @pytest.mark.parametrize("way", WAYS)
    def test_a_pinned_item_stands_at_its_place(self, tiny_release: Release, way: str) -> None:
        place = ruled(tiny_release, rules_over(ROWS, pins={row_of(GARDEN[0]): 2, row_of(GARDEN[1]): 0}), way)
        listed = asked(place, way)
        assert (listed[2], listed[0]) == (GARDEN[0], GARDEN[1])
        assert len(listed) == len(set(listed)) == 10

    @pytest.mark.parametrize("way", WAYS)
    def test_a_cap_holds(self, tiny_release: Release, way: str) -> None:
        place = ruled(tiny_release, rules_over(ROWS, caps=[one_of_each(2)]), way)
        counted = Counter(category_of(number) for number in asked(place, way))
        assert max(counted.values()) == 2
        assert len(counted) > 1

    @pytest.mark.parametrize("way", WAYS)
    def test_what_is_buried_comes_last(self, tiny_release: Release, way: str) -> None:
        first, second, *others = asked(ruled(tiny_release, rules_over(ROWS), way), way)
        place = ruled(tiny_release, rules_over(ROWS, buried=[row_of(first)]), way)
        assert asked(place, way)[:9] == [second, *others]
        everything = asked(place, way, Query("ann", 200))
        assert everything[-1] == first

    def test_a_boost_lifts_what_it_names(self, tiny_release: Release) -> None:
        tenth = asked(ruled(tiny_release, rules_over(ROWS)), "ranked")[9]
        place = ruled(tiny_release, rules_over(ROWS, boosts={row_of(tenth): 20.0}))
        assert asked(place, "ranked")[0] == tenth

    def test_scores_stay_the_ranker_s(self, tiny_release: Release) -> None:
        plain = ruled(tiny_release, rules_over(ROWS)).one(ANN)
        scores = dict(zip(plain.rows.tolist(), plain.scores.tolist(), strict=True))
        last = int(plain.rows[9])
        moved = ruled(tiny_release, rules_over(ROWS, boosts={last: 20.0})).one(ANN)
        assert moved.scores.tolist() == pytest.approx([scores[row] for row in moved.rows.tolist()], abs=1e-5)

    @pytest.mark.parametrize("way", WAYS)
    def test_a_filter_is_stronger_than_a_pin(self, tiny_release: Release, way: str) -> None:
        place = ruled(tiny_release, rules_over(ROWS, pins={row_of(GARDEN[0]): 0}), way)
        for condition in (Filter(include_categories=("Lamps",)), Filter(exclude_item_ids=(item_id(GARDEN[0]),))):
            assert GARDEN[0] not in asked(place, way, Query("ann", 10, condition))

    def test_what_was_bought_is_not_pinned(self, tiny_release: Release) -> None:
        place = ruled(tiny_release, rules_over(ROWS, pins={row_of(BOUGHT[0]): 0}))
        assert BOUGHT[0] not in asked(place, "ranked")
        assert asked(place, "ranked", Query("ann", 10, Filter(exclude_seen=False)))[0] == BOUGHT[0]

    @pytest.mark.parametrize("way", WAYS)
    def test_a_callers_own_candidates_obey_no_rules(self, tiny_release: Release, way: str) -> None:
        own = Query("ann", 1000, candidate_ids=tuple(item_id(number) for number in range(30)))
        rules = rules_over(
            ROWS, boosts={5: 9.0}, buried=[6], pins={row_of(20): 0, row_of(GARDEN[10]): 1}, caps=[one_of_each()]
        )
        assert asked(ruled(tiny_release, rules, way), way, own) == asked(
            ruled(tiny_release, rules_over(ROWS), way), way, own
        )

    def test_each_request_of_a_batch_is_ruled_as_if_it_were_alone(self, tiny_release: Release) -> None:
        rules = rules_over(ROWS, boosts={5: 3.0}, buried=[9], pins={row_of(GARDEN[0]): 1}, caps=[one_of_each(3)])
        place = ruled(tiny_release, rules)
        queries = (
            ANN,
            Query("bo", 25, Filter(include_categories=("Food",)), diversity=0.4),
            Query("nobody", 7, diversity=0.2),
            Query("ann", 1000, candidate_ids=tuple(item_id(number) for number in range(90))),
            Query("bo", 30, diversity=1.0),
        )
        for query, slate in zip(queries, place.run(*queries), strict=True):
            assert slate.rows.tolist() == place.one(query).rows.tolist()


class TestExplanations:
    """The rules that moved an item."""

    RULES = rules_over(
        ROWS, boosts={row_of(number): 9.0 for number in LAMPS[5:7]}, buried=[row_of(LAMPS[5])], pins={2: 1}
    )

    def explained(self, place: Kitchen, query: Query) -> dict[int, tuple[str, ...]]:
        """Explain an answer: rules by row."""
        slate = place.one(query)
        assert slate.explanations is not None
        return {
            row: explanation.rules
            for row, explanation in zip(slate.rows.tolist(), slate.explanations, strict=True)
            if explanation.rules
        }

    def test_each_item_names_the_rules_that_moved_it(self, tiny_release: Release) -> None:
        buried, boosted = row_of(LAMPS[5]), row_of(LAMPS[6])
        place = ruled(tiny_release, self.RULES)
        assert self.explained(place, Query("ann", 100, explain=True)) == {
            buried: (f"boost {buried}", f"bury {buried}"),
            boosted: (f"boost {boosted}",),
            2: ("pin 2",),
        }

    def test_boosts_are_not_named_where_nobody_ranked(self, tiny_release: Release) -> None:
        place = ruled(tiny_release, self.RULES, "not ranked")
        named = {name for names in self.explained(place, Query("ann", 100, explain=True)).values() for name in names}
        assert named == {f"bury {row_of(LAMPS[5])}", "pin 2"}

    @pytest.mark.parametrize("way", ["not retrieved", "cold start"])
    def test_an_answer_from_the_popular_list_is_explained_without_what_a_ranker_would_see(
        self, tiny_release: Release, way: str
    ) -> None:
        place = ruled(tiny_release, self.RULES, way)
        slate = place.one(Query("ann", 100, explain=True))
        assert slate.explanations is not None
        assert [len(explanation.features) for explanation in slate.explanations] == [0] * len(slate.rows)
        neighbours = [explanation.neighbours for explanation in slate.explanations]
        assert all(neighbours) if way == "not retrieved" else not any(neighbours)
        named = {name for explanation in slate.explanations for name in explanation.rules}
        assert named == {"pin 2"}

    def test_nothing_moved_a_callers_own_candidates(self, tiny_release: Release) -> None:
        own = tuple(item_id(number) for number in LAMPS)
        assert self.explained(ruled(tiny_release, self.RULES), Query("ann", 9, candidate_ids=own, explain=True)) == {}


class TestDiversity:
    """Asked for by a request."""

    @pytest.mark.parametrize("way", WAYS)
    def test_it_makes_the_items_of_a_slate_less_alike(self, tiny_release: Release, way: str) -> None:
        place = ruled(tiny_release, rules_over(ROWS), way)
        likeness = []
        for diversity in (0.0, 0.5, 1.0):
            listed = asked(place, way, Query("ann", 10, diversity=diversity))
            vectors = tiny_release.directions(np.array(listed) + 2)
            likeness.append(float((vectors @ vectors.T)[np.triu_indices(10, 1)].mean()))
        assert max(likeness[1:]) < likeness[0] - 0.02

    @pytest.mark.parametrize("way", WAYS)
    def test_the_best_stays_first(self, tiny_release: Release, way: str) -> None:
        place = ruled(tiny_release, rules_over(ROWS), way)
        assert asked(place, way, Query("ann", 10, diversity=1.0))[0] == asked(place, way)[0]

    def test_scores_and_sources_are_those_of_the_items(self, tiny_release: Release) -> None:
        place = ruled(tiny_release, rules_over(ROWS))
        every, diverse = place.one(Query("ann", 200)), place.one(Query("ann", 10, diversity=0.7))
        places = [every.rows.tolist().index(row) for row in diverse.rows.tolist()]
        assert diverse.scores.tolist() == pytest.approx(every.scores[places].tolist(), abs=1e-5)
        assert diverse.source_ranks.tolist() == every.source_ranks[places].tolist()
