import numpy as np
import pytest

from shortlist.core.arrays import F32, I32
from shortlist.core.rules import NO_RULES, RowRules
from shortlist.core.types import Query
from shortlist.gateway.selection import Directions, select
from support.row_rules import rules_over

ROWS: I32 = np.array([[2, 3, 4, 0], [5, 6, 7, 8]], np.int32)
SCORES: F32 = np.array([[1.0, 3.0, 2.0, 99.0], [4.0, 2.0, 3.0, 1.0]], np.float32)
QUERIES = (Query("ann", 2), Query("bo", 4))
RULES = rules_over(9, boosts={2: 5.0, 8: 5.0}, buried=[3], pins={6: 0})


def no_directions(rows: I32) -> F32:
    """Stand for directions that nobody needs."""
    assert not len(rows)
    return np.zeros((0, 2), np.float32)


def directions(rows: I32) -> F32:
    """Let rows of one parity point one way, each as long as its number."""
    vectors = np.zeros((len(rows), 2), np.float32)
    vectors[np.arange(len(rows)), rows % 2] = rows
    return vectors


def selected(
    *queries: Query, scores: F32 | None = SCORES, rules: RowRules = NO_RULES, by: Directions = no_directions
) -> list[list[int]]:
    """List the rows that each request takes."""
    order, counts = select(queries, ROWS[: len(queries)], None if scores is None else scores[: len(queries)], rules, by)
    return [ROWS[request, order[request, :count]].tolist() for request, count in enumerate(counts.tolist())]


def test_without_rules_and_diversity_the_best_come_first_up_to_each_limit() -> None:
    assert selected(*QUERIES) == [[3, 4], [5, 7, 6, 8]]


def test_without_scores_the_retrieval_order_stays() -> None:
    assert selected(*QUERIES, scores=None) == [[2, 3], [5, 6, 7, 8]]


def test_boosts_are_added_to_scores() -> None:
    assert selected(*QUERIES, rules=RULES) == [[2, 4], [6, 8, 5, 7]]


def test_without_scores_boosts_do_not_count_and_the_others_do() -> None:
    assert selected(*QUERIES, scores=None, rules=RULES) == [[2, 4], [6, 5, 7, 8]]


def test_a_callers_own_candidates_obey_no_rules() -> None:
    own = Query("bo", 4, candidate_ids=("a", "b"))
    assert selected(QUERIES[0], own, rules=RULES)[1] == [5, 7, 6, 8]


def test_a_request_that_wants_diversity_gets_it_whatever_the_others_want() -> None:
    diverse = Query("bo", 4, diversity=0.9)
    assert selected(QUERIES[0], diverse, by=directions) == [[3, 4], [5, 6, 7, 8]]
    assert selected(Query("ann", 3, diversity=0.9), QUERIES[1], by=directions) == [[3, 4, 2], [5, 7, 6, 8]]


@pytest.mark.parametrize("scores", [SCORES, None])
def test_diversity_looks_at_directions_and_not_at_lengths(scores: F32 | None) -> None:
    (listed,) = selected(Query("ann", 3, diversity=1.0), scores=scores, by=directions)
    assert len({row % 2 for row in listed[:2]}) == 2


def test_diversity_without_scores_starts_with_the_first() -> None:
    (listed,) = selected(Query("ann", 3, diversity=1.0), scores=None, by=directions)
    assert listed == [2, 3, 4]


def test_no_candidates_are_no_slate() -> None:
    order, counts = select([Query("ann", 5, diversity=0.5)], ROWS[:1, :0], None, RULES, directions)
    assert (order.shape, counts.tolist()) == ((1, 0), [0])
