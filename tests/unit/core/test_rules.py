import numpy as np

from shortlist.core.rules import NO_RULES, no_rules
from support.row_rules import rules_over

SLATE = np.array([3, 2, 5], np.int32)
RULES = rules_over(10, boosts={2: 1.0}, buried=[5], pins={3: 4, 5: 0})


def test_every_item_names_the_rules_that_moved_it_in_their_order() -> None:
    assert RULES.moved_by(SLATE, 5, has_scores=True) == [("pin 3",), ("boost 2",), ("bury 5", "pin 5")]


def test_boosts_move_nothing_where_nobody_ranked() -> None:
    assert RULES.moved_by(SLATE, 5, has_scores=False)[1] == ()


def test_a_pin_beyond_the_limit_moves_nothing() -> None:
    assert RULES.moved_by(SLATE, 4, has_scores=True)[0] == ()


def test_a_slate_of_nothing_names_nothing() -> None:
    assert RULES.moved_by(np.zeros(0, np.int32), 5, has_scores=True) == []


def test_no_rules_are_empty() -> None:
    assert no_rules().is_empty
    assert NO_RULES.moved_by(SLATE, 5, has_scores=True) == [(), (), ()]


def test_a_cap_alone_is_a_rule() -> None:
    assert not rules_over(10, caps=[(1, {2: 1})]).is_empty
