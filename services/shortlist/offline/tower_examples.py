"""What the towers learn from: requests of the past with what was bought next, batch by batch within a week.

Item columns enter as of the beginning of the week, so the towers learn what a trend is worth rather than what once was
popular.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shortlist.core.arrays import F32, I32, I64
from shortlist.core.errors import InputError
from shortlist.core.types import History
from shortlist.features.encode import SECONDS_A_DAY
from shortlist.offline.columns import item_columns
from shortlist.offline.interactions import Interactions
from shortlist.offline.requests import Requests, encode_requests
from shortlist.release.catalogue import Catalogue

PERIOD_DAYS = 7
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Batch:
    """B requests of one week.

    Args:
        period: The week's number.
        history: (B, L).
        user_dense: (B, U) float32.
        targets: (B, T) int32, some of the new items bought then; row 0 pads.
    """

    period: int
    history: History
    user_dense: F32
    targets: I32


@dataclass(frozen=True, slots=True)
class TowerExamples:
    """n requests with what was bought then, ascending in time.

    Args:
        requests: The requests.
        offsets: (n + 1,) where each request's targets begin and end.
        targets: Item rows bought, new to the user.
        periods: (n,) the week of each request.
        columns: For each week the (R, C) item columns at its beginning.
        known_rows: For each week how many rows had been sold by its beginning.
    """

    requests: Requests
    offsets: I64
    targets: I32
    periods: I64
    columns: tuple[Tensor, ...]
    known_rows: tuple[int, ...]

    @classmethod
    def of(cls, interactions: Interactions, catalogue: Catalogue) -> "TowerExamples":
        """Make an example of each basket with something new in it.

        Raises:
            InputError: fewer than two baskets.
        """
        baskets = sorted(interactions.baskets(), key=lambda basket: basket[1])
        if len(baskets) < _FEWEST:
            raise InputError("the log is too short: hardly a user comes back for something new before a training cut")
        requests = encode_requests(interactions, ((user, at_s, earlier) for user, at_s, earlier, _ in baskets))
        offsets = np.zeros(len(baskets) + 1, np.int64)
        np.cumsum([len(new) for *_, new in baskets], out=offsets[1:])
        targets = np.concatenate([new for *_, new in baskets])
        begin = int(interactions.times.min())
        length_s = int(PERIOD_DAYS * SECONDS_A_DAY)
        periods = ((requests.at_s - begin) // length_s).astype(np.int64)
        moments = [begin + period * length_s for period in range(int(periods.max()) + 1)]
        return cls(
            requests,
            offsets,
            targets,
            periods,
            tuple(torch.from_numpy(item_columns(interactions, catalogue, at_s)) for at_s in moments),
            tuple(interactions.before(at_s).known_rows() for at_s in moments),
        )

    def __len__(self) -> int:
        return len(self.periods)

    def batches(self, chosen: I64, size: int, random: np.random.Generator) -> list[I64]:
        """Shuffle examples into batches of at most `size`, each within a week, and shuffle the batches."""
        shuffled = random.permutation(chosen)
        by_period = shuffled[np.argsort(self.periods[shuffled], kind="stable")]
        weeks = np.split(by_period, np.flatnonzero(np.diff(self.periods[by_period])) + 1)
        batches = [part for week in weeks for part in np.array_split(week, -(-len(week) // size))]
        return [batches[place] for place in random.permutation(len(batches))]

    def batch(self, examples: I64, history_length: int, most_targets: int, random: np.random.Generator) -> Batch:
        """Gather a batch, with a random part of the targets where there are more than fit."""
        requests = self.requests.take(examples)
        targets = np.zeros((len(examples), most_targets), np.int32)
        for place, example in enumerate(examples):
            bought = self.targets[self.offsets[example] : self.offsets[example + 1]]
            if len(bought) > most_targets:
                bought = random.choice(bought, most_targets, replace=False)
            targets[place, : len(bought)] = bought
        return Batch(
            int(self.periods[examples[0]]), requests.history.newest(history_length), requests.user_dense, targets
        )
