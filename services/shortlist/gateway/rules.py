"""The rules that a person may write for slates, each with a name: caps, pins, boosts, buries.

Models of the tables of a rules file; `rules_file` reads it, `row_rules` applies it to a release.
"""

import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shortlist.gateway.requests import MAX_LIMIT

MAX_NAMED = 10_000
"""Items or categories that one rule names."""
MAX_LEVELS = 16
MOST_LOG_ODDS = 20.0
"""Log-odds further apart are certainty; `bury` and `pin` say so better."""

Text = Annotated[str, Field(min_length=1, max_length=256)]
Texts = Annotated[tuple[Text, ...], Field(strict=False, max_length=MAX_NAMED)]  # TOML's arrays are lists

Claim: TypeAlias = tuple[str, int]
"""A thing that a rule decides, in words, and how: 1 lifts it, -1 lowers it, 0 is for one rule alone."""


class Rule(BaseModel):
    """What every rule has."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    name: Annotated[str, Field(min_length=1, max_length=64)]

    def claims(self) -> Iterator[Claim]:
        """List what it decides: two rules contradict each other where they decide one thing differently."""
        yield f'the name "{self.name}"', 0


class Cap(Rule):
    """At most so many items of a category in a slate.

    Args:
        most: So many.
        level: Each category of this level counts for itself; 1 is the most general.
        category: This one alone counts.
    """

    most: Annotated[int, Field(ge=1, le=MAX_LIMIT)]
    level: Annotated[int, Field(ge=1, le=MAX_LEVELS)] | None = None
    category: Text | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.level is None) == (self.category is None):
            raise ValueError("either level or category is needed, and not both")
        return self

    @property
    def what(self) -> str:
        """Say what is counted."""
        return f"each category of level {self.level}" if self.category is None else f'category "{self.category}"'

    def claims(self) -> Iterator[Claim]:
        """Claim the cap of its level or category."""
        yield from super().claims()
        yield f"the cap of {self.what}", 0

    def sentence(self) -> str:
        """Say what it does."""
        return f"at most {self.most} of {self.what}"


class Pin(Rule):
    """An item at a position.

    Args:
        item: Its id.
        position: From 1.
    """

    item: Text
    position: Annotated[int, Field(ge=1, le=MAX_LIMIT)]

    def claims(self) -> Iterator[Claim]:
        """Claim position and item."""
        yield from super().claims()
        yield f"position {self.position}", 0
        yield f'the position of item "{self.item}"', 0
        yield f'item "{self.item}"', 1

    def sentence(self) -> str:
        """Say what it does."""
        return f'item "{self.item}" at position {self.position}'


class Targeted(Rule):
    """A rule for items by their ids, their categories, or both."""

    items: Texts = ()
    categories: Texts = ()

    @model_validator(mode="after")
    def _check_targets(self) -> Self:
        if not self.items and not self.categories:
            raise ValueError("items or categories must name at least one")
        return self

    def claims_of(self, direction: int) -> Iterator[Claim]:
        """Claim the targets, moved in a direction."""
        yield from super().claims()
        for item in self.items:
            yield f'item "{item}"', direction
        for category in self.categories:
            yield f'category "{category}"', direction

    def targets(self) -> str:
        """Name the targets."""
        named = (("item", self.items), ("category", self.categories))
        return " and ".join(f"{kind} {_listed(names)}" for kind, names in named if names)


class Boost(Targeted):
    """Scores raised or lowered.

    Args:
        factor: What the odds are multiplied by.
        log_odds: What is added to the score; the same in other words.
    """

    factor: Annotated[float, Field(ge=math.exp(-MOST_LOG_ODDS), le=math.exp(MOST_LOG_ODDS))] | None = None
    log_odds: Annotated[float, Field(ge=-MOST_LOG_ODDS, le=MOST_LOG_ODDS)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.factor is None) == (self.log_odds is None):
            raise ValueError("either factor or log_odds is needed, and not both")
        if self.added_log_odds == 0.0:
            raise ValueError("it moves nothing")
        return self

    @property
    def added_log_odds(self) -> float:
        """What is added to a score."""
        return math.log(self.factor) if self.factor is not None else self.log_odds or 0.0

    def claims(self) -> Iterator[Claim]:
        """Claim the targets, upwards or downwards."""
        return self.claims_of(1 if self.added_log_odds > 0 else -1)

    def sentence(self) -> str:
        """Say what it does."""
        return f"{self.added_log_odds:+.3g} log-odds for {self.targets()}"


class Bury(Targeted):
    """Items that stand after all others."""

    def claims(self) -> Iterator[Claim]:
        """Claim the targets, downwards."""
        return self.claims_of(-1)

    def sentence(self) -> str:
        """Say what it does."""
        return f"{self.targets()} after everything else"


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(f'"{name}"' for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
