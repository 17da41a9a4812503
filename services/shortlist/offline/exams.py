"""What a release is examined on: a log, its split, and an earlier trial at which baselines choose constants."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import polars as pl

from shortlist.core.errors import InputError
from shortlist.offline.clean import before, split_at
from shortlist.offline.interactions import POSITIVE_TYPES, Interactions
from shortlist.offline.log import BehaviourLog
from shortlist.offline.protocol import Trial
from shortlist.offline.splits import TRAIN_SHARE, Split
from shortlist.release.manifest import Precision


@dataclass(frozen=True, slots=True)
class Exam:
    """A log under one protocol.

    Args:
        log: What a release is trained on, with `holdout` of it left out.
        holdout: Share of the newest events, as `Recipe` takes it.
        split: What the release may know, and what it is tested on.
        earlier: A trial that lies before the cut, for choosing constants; None where nobody can be tested.
    """

    log: BehaviourLog
    holdout: float
    split: Split
    earlier: Trial | None

    @classmethod
    def by_time(cls, log: BehaviourLog) -> "Exam":
        """Cut once for all at 80 % of the events; constants are chosen one horizon before that.

        Raises:
            InputError: too little is left to learn from.
        """
        holdout = 1.0 - TRAIN_SHARE
        split = Split.of(log, holdout)
        at_s = split.cut_s - split.horizon_s
        return cls(log, holdout, split, Trial.within(split.interactions, at_s, split.horizon_s))

    @classmethod
    def by_time_earlier(cls, log: BehaviourLog) -> "Exam":
        """Take the log as it was at the cut of `by_time`, and cut that at 80 % of its events: another test window.

        Raises:
            InputError: too little is left to learn from.
        """
        return cls.by_time(before(log, split_at(log, TRAIN_SHARE)))

    @classmethod
    def by_user(cls, log: BehaviourLog) -> "Exam":
        """Cut for each user apart, at 80 % of their positive events.

        For logs in which few users are active on both sides of one cut, as with ratings given in one evening. What
        others did later may then tell what a user does next: such figures compare models, and promise nothing.

        Raises:
            InputError: nobody has enough events for both parts, or too little is left to learn from.
        """
        first, later = split_by_user(log)
        split = replace(Split.of(first, 0.0), later=later)
        first, later = split_by_user(split.train)
        past = Interactions.of(first, split.cut_s)
        return cls(split.train, 0.0, split, Trial.after(past, split.cut_s, later))

    def trial(self, *, repurchases: bool = False) -> Trial:
        """Give the trial that counts, under one of the two protocols.

        Raises:
            InputError: nobody can be tested.
        """
        split = self.split
        return Trial.after(split.interactions, split.cut_s, split.later, repurchases=repurchases)


def split_by_user(log: BehaviourLog, share: float = TRAIN_SHARE) -> tuple[BehaviourLog, BehaviourLog]:
    """Give each user's first `share` of their positive events, and the rest of them.

    Raises:
        InputError: nobody has enough events for both parts.
    """
    positive = log.events.filter(pl.col("type").is_in(POSITIVE_TYPES))
    is_first = pl.int_range(pl.len()).over("user") < (pl.len().over("user") * share).floor()
    first, later = positive.filter(is_first), positive.filter(~is_first)
    if first.is_empty() or later.is_empty():
        raise InputError(f"{log.dataset}: nobody did enough for a split of each user's events at {share:.0%}")
    return replace(log, events=first), replace(log, events=later)


@dataclass(frozen=True, slots=True)
class ExamPlan:
    """An exam of `make quality` by name: which dataset, under which protocol, and what a reader must know of it.

    `is_fetched` is a log that is fetched where none is given; with `has_ablation`, parts are left out on it. Where too
    few requests are set aside for the quality gate to tell anything, the float ranker is measured.
    """

    name: str
    dataset: str
    set_up: Callable[[BehaviourLog], Exam]
    told: str
    is_fetched: bool = False
    has_ablation: bool = False
    precision: Precision = "int8"


EXAMS = (
    ExamPlan("online-retail", "online-retail", Exam.by_time, "cut at 80 % of the events", has_ablation=True),
    ExamPlan(
        "online-retail-earlier",
        "online-retail",
        Exam.by_time_earlier,
        "the log as it was at the cut above, cut again at 80 % of its events: another season",
    ),
    ExamPlan("completejourney", "completejourney", Exam.by_time, "cut at 80 % of the events", is_fetched=True),
    ExamPlan(
        "ml-latest-small",
        "movielens",
        Exam.by_user,
        "the last 20 % of each user's positive ratings, since a cut in time leaves some 20 users",
        precision="fp32",
    ),
)
