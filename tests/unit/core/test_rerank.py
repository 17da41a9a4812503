import numpy as np
import pytest

from shortlist.core.arrays import F32
from shortlist.core.rerank import rerank
from shortlist.core.rules import NO_RULES, RowRules
from support.row_rules import rules_over

ROWS = 10
SCORES = (5.0, 4.0, 3.0, 2.0, 1.0)
"""Of the rows 2 to 6."""
NO_VECTORS = np.zeros((0, 1, len(SCORES)), np.float32)


def slate(
    rules: RowRules = NO_RULES,
    limit: int = 5,
    scores: tuple[float, ...] = SCORES,
    diversity: float = 0.0,
    vectors: F32 = NO_VECTORS,
    valid: tuple[bool, ...] = (True,) * 5,
) -> list[int]:
    """List the rows of the slate of one request."""
    listed = np.arange(2, 2 + len(scores), dtype=np.int32)[None]
    ruled = np.zeros_like(listed) if rules.is_empty else listed
    order, counts = rerank(
        ruled,
        np.array([scores], np.float32),
        np.array([valid]),
        np.array([limit]),
        rules,
        np.array([diversity], np.float32),
        vectors,
    )
    return [int(row) for row in listed[0, order[0, : counts[0]]]]


def pointing(*angles: float) -> F32:
    """Make unit vectors of a plane: (1, 2, n) float32."""
    radians = np.radians(angles)
    return np.stack([np.cos(radians), np.sin(radians)])[None].astype(np.float32)


class TestRules:
    """What holds, whatever the scores."""

    def test_without_rules_the_scores_decide(self) -> None:
        assert slate(limit=3) == [2, 3, 4]

    def test_ties_go_to_the_earlier_column(self) -> None:
        assert slate(scores=(1.0,) * 5) == [2, 3, 4, 5, 6]

    def test_what_is_not_valid_is_not_taken(self) -> None:
        assert slate(valid=(False, True, False, True, True)) == [3, 5, 6]

    def test_a_pinned_item_stands_at_its_place_and_nowhere_else(self) -> None:
        assert slate(rules_over(ROWS, pins={6: 0, 2: 3})) == [6, 3, 4, 2, 5]

    def test_a_pin_beyond_the_limit_does_not_hold(self) -> None:
        assert slate(rules_over(ROWS, pins={2: 3}), limit=3) == [2, 3, 4]

    def test_pins_beyond_a_short_slate_stand_at_its_end_in_their_order(self) -> None:
        rules = rules_over(ROWS, pins={2: 8, 3: 6})
        assert slate(rules, limit=9) == [4, 5, 6, 3, 2]

    def test_an_item_that_is_pinned_and_not_valid_leaves_its_place_to_others(self) -> None:
        assert slate(rules_over(ROWS, pins={6: 0}), valid=(True, True, True, True, False)) == [2, 3, 4, 5]

    def test_what_is_buried_comes_last_in_the_order_of_its_scores(self) -> None:
        assert slate(rules_over(ROWS, buried=[3, 2])) == [4, 5, 6, 2, 3]

    def test_a_pin_lifts_what_is_buried(self) -> None:
        assert slate(rules_over(ROWS, buried=[3], pins={3: 0})) == [3, 2, 4, 5, 6]

    def test_a_cap_takes_out_what_is_too_much_of_a_group(self) -> None:
        assert slate(rules_over(ROWS, caps=[(1, {2: 1, 3: 1, 4: 2, 5: 2})])) == [2, 4, 6]

    def test_a_cap_takes_out_what_is_buried_as_well(self) -> None:
        assert slate(rules_over(ROWS, buried=[2], caps=[(1, {2: 1, 3: 1})])) == [3, 4, 5, 6]

    def test_every_cap_counts(self) -> None:
        caps = [(2, {2: 1, 3: 1, 4: 1}), (1, {4: 1, 5: 1})]
        assert slate(rules_over(ROWS, caps=caps)) == [2, 3, 5, 6]

    def test_a_pin_counts_in_its_group_before_its_place_comes(self) -> None:
        rules = rules_over(ROWS, pins={4: 2}, caps=[(1, {2: 1, 4: 1})])
        assert slate(rules) == [3, 5, 4, 6]

    def test_each_request_of_a_batch_counts_for_itself(self) -> None:
        listed = np.array([[2, 3], [3, 2]], np.int32)
        rules = rules_over(ROWS, caps=[(1, {2: 1, 3: 1})])
        scores, none = np.zeros((2, 2), np.float32), np.zeros(2, np.float32)
        _, counts = rerank(listed, scores, listed > 0, np.array([2, 2]), rules, none, NO_VECTORS)
        assert counts.tolist() == [1, 1]

    def test_a_column_of_row_0_obeys_none(self) -> None:
        listed = np.array([[2, 0, 0]], np.int32)
        rules = rules_over(ROWS, pins={2: 1}, caps=[(1, {2: 1})])
        scores, none = np.array([[3.0, 2.0, 1.0]], np.float32), np.zeros(1, np.float32)
        order, _ = rerank(listed, scores, np.ones((1, 3), np.bool_), np.array([3]), rules, none, NO_VECTORS)
        assert order.tolist() == [[1, 0, 2]]


class TestDiversity:
    """Maximal marginal relevance."""

    ANGLES = pointing(0.0, 10.0, 90.0, 100.0, 180.0)

    def test_at_1_the_best_is_followed_by_what_is_least_like_all_above(self) -> None:
        assert slate(diversity=1.0, vectors=self.ANGLES)[:3] == [2, 6, 4]

    def test_a_little_decides_between_items_that_are_about_as_good(self) -> None:
        alike = (5.0, 4.9, 4.8, 1.0, 1.0)
        assert slate(scores=alike, diversity=0.3, vectors=self.ANGLES)[:2] == [2, 4]
        assert slate(scores=alike, diversity=0.01, vectors=self.ANGLES)[:2] == [2, 3]

    def test_a_hopeless_candidate_changes_nothing_among_the_others(self) -> None:
        good, hopeless = (5.0, 4.9, 4.8, 1.0, 1.0), (5.0, 4.9, 4.8, 1.0, -80.0)
        listed = [slate(limit=3, scores=scores, diversity=0.3, vectors=self.ANGLES) for scores in (good, hopeless)]
        assert listed[0] == listed[1]

    def test_among_items_that_are_equally_new_the_more_relevant_comes_first(self) -> None:
        nothing = np.zeros((1, 2, 5), np.float32)
        assert slate(scores=(1.0, 2.0, 4.0, 3.0, 5.0), diversity=1.0, vectors=nothing) == [6, 4, 5, 3, 2]

    def test_rules_hold_and_a_pinned_item_counts_as_seen(self) -> None:
        rules = rules_over(ROWS, pins={6: 0}, buried=[4])
        assert slate(rules, diversity=1.0, vectors=self.ANGLES) == [6, 2, 5, 3, 4]

    @pytest.mark.parametrize("first", [0, 1])
    def test_requests_of_a_batch_that_want_none_are_as_they_were(self, first: int) -> None:
        listed = np.zeros((2, 5), np.int32)
        diversity = np.array([1.0, 0.0] if first == 0 else [0.0, 1.0], np.float32)
        order, _ = rerank(
            listed,
            np.array([SCORES, SCORES], np.float32),
            np.ones((2, 5), np.bool_),
            np.array([3, 3]),
            NO_RULES,
            diversity,
            self.ANGLES,
        )
        assert order[first].tolist() == [0, 4, 2]
        assert order[1 - first].tolist() == [0, 1, 2]
