"""Which part of a log trains, which part tests, and from which moments of the past the ranker learns."""

from dataclasses import dataclass

from shortlist.features.encode import SECONDS_A_DAY
from shortlist.offline.catalogues import catalogue_of, texts_of
from shortlist.offline.clean import after, before, clean, split_at
from shortlist.offline.interactions import Interactions
from shortlist.offline.log import BehaviourLog
from shortlist.release.catalogue import Catalogue

TRAIN_SHARE = 0.8
"""The share of the events before the cut of the test, and before that of the horizon."""
_FEWEST_BUYERS = 2
_YEAR_S = round(365 * SECONDS_A_DAY)


@dataclass(frozen=True, slots=True)
class Split:
    """A log cut once in time.

    Args:
        cut_s: Training sees what lies before it.
        horizon_s: How far after a moment the ranker's labels reach: as long as the test.
        train: The cleaned part before the cut.
        later: The part after it, as it is.
        interactions: `train` in numbers.
        catalogue: The items of `train`.
        texts: What can be read of them, by row.
    """

    cut_s: int
    horizon_s: int
    train: BehaviourLog
    later: BehaviourLog
    interactions: Interactions
    catalogue: Catalogue
    texts: tuple[str, ...]

    @classmethod
    def of(cls, log: BehaviourLog, holdout: float) -> "Split":
        """Cut off the newest share of the events; none for 0.

        Raises:
            InputError: too little is left to learn from.
        """
        last_cut_s = split_at(log, TRAIN_SHARE)
        end_s = int(log.events["time"][-1]) + 1
        horizon_s = end_s - last_cut_s
        cut_s = split_at(log, 1.0 - holdout) if holdout else end_s
        train = clean(
            before(log, cut_s),
            min_item_events=log.fewest_item_events,
            min_item_users=_FEWEST_BUYERS,
        )
        interactions = Interactions.of(train, cut_s)
        catalogue = catalogue_of(train.items, interactions.vocabulary)
        texts = texts_of(train.items, interactions.vocabulary)
        return cls(cut_s, horizon_s, train, after(log, cut_s), interactions, catalogue, texts)

    @property
    def label_cuts(self) -> tuple[int, ...]:
        """The moments that the ranker learns from, newest first.

        One horizon before the cut; and one year before it, where a horizon of history lies before that.
        """
        year_back = self.cut_s - _YEAR_S
        begin = int(self.interactions.times.min())
        is_long = year_back - begin > self.horizon_s and self.horizon_s < _YEAR_S
        return (self.cut_s - self.horizon_s, *((year_back,) if is_long else ()))
