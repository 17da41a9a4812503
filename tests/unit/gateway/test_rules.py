import math
from typing import Any

import pytest
from pydantic import ValidationError

from shortlist.gateway.rules import Boost, Bury, Cap, Pin, Rule

SENTENCES: list[tuple[type[Any], dict[str, Any], str]] = [
    (Cap, {"most": 3, "level": 1}, "at most 3 of each category of level 1"),
    (Cap, {"most": 1, "category": "Lamps"}, 'at most 1 of category "Lamps"'),
    (Pin, {"item": "a", "position": 2}, 'item "a" at position 2'),
    (Boost, {"categories": ["Tea"], "factor": 2.0}, '+0.693 log-odds for category "Tea"'),
    (Boost, {"items": ["a", "b"], "log_odds": -1}, '-1 log-odds for item "a", "b"'),
    (
        Bury,
        {"items": ["a", "b", "c", "d", "e"], "categories": ["Tea"]},
        'item "a", "b", "c" and 2 more and category "Tea" after everything else',
    ),
]
WRONG: list[tuple[type[Any], dict[str, Any], str]] = [
    (Cap, {"most": 0, "level": 1}, "most"),
    (Cap, {"most": 201, "level": 1}, "most"),
    (Cap, {"most": 1.5, "level": 1}, "most"),
    (Cap, {"most": True, "level": 1}, "most"),
    (Cap, {"most": 1, "level": 0}, "level"),
    (Cap, {"most": 1}, "either level or category is needed"),
    (Cap, {"most": 1, "level": 1, "category": "Tea"}, "either level or category is needed"),
    (Pin, {"item": "", "position": 1}, "item"),
    (Pin, {"item": "a", "position": 0}, "position"),
    (Pin, {"item": "a", "position": 201}, "position"),
    (Pin, {"item": "a", "position": "1"}, "position"),
    (Boost, {"factor": 2.0}, "items or categories must name at least one"),
    (Boost, {"items": ["a"]}, "either factor or log_odds is needed"),
    (Boost, {"items": ["a"], "factor": 2.0, "log_odds": 1.0}, "either factor or log_odds is needed"),
    (Boost, {"items": ["a"], "factor": 0.0}, "factor"),
    (Boost, {"items": ["a"], "factor": 1.0}, "it moves nothing"),
    (Boost, {"items": ["a"], "log_odds": 0}, "it moves nothing"),
    (Boost, {"items": ["a"], "log_odds": 20.1}, "log_odds"),
    (Boost, {"items": ["a"], "log_odds": math.nan}, "log_odds"),
    (Boost, {"items": "a", "factor": 2.0}, "items"),
    (Boost, {"items": [1], "factor": 2.0}, "items"),
    (Bury, {}, "items or categories must name at least one"),
    (Bury, {"items": ["a"], "until": 3}, "until"),
]


@pytest.mark.parametrize(("kind", "table", "sentence"), SENTENCES)
def test_a_rule_says_what_it_does(kind: type[Any], table: dict[str, Any], sentence: str) -> None:
    assert kind.model_validate({"name": "n", **table}).sentence() == sentence


@pytest.mark.parametrize(("kind", "table", "fault"), WRONG)
def test_what_is_wrong_is_named(kind: type[Rule], table: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        kind.model_validate({"name": "n", **table})


@pytest.mark.parametrize("name", ["", "x" * 65, None])
def test_a_rule_has_a_name(name: str | None) -> None:
    with pytest.raises(ValidationError, match="name"):
        Bury.model_validate({"name": name, "items": ["a"]})


def test_a_factor_of_the_odds_is_added_as_its_logarithm() -> None:
    assert Boost(name="n", items=("a",), factor=2.0).added_log_odds == pytest.approx(math.log(2.0))
    assert Boost(name="n", items=("a",), log_odds=-0.5).added_log_odds == -0.5
