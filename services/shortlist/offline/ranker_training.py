"""Train the ranker on whole lists, for a fixed number of steps.

The loss is the softmax cross-entropy of what was bought, or the squared error of the ratings that were given.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from shortlist.core.arrays import I64
from shortlist.core.errors import InputError
from shortlist.core.types import PADDING_ROW
from shortlist.features.encode import USER_DENSE
from shortlist.offline.columns import ITEM_COLUMNS
from shortlist.offline.devices import CPU, Device
from shortlist.offline.finite import Inputs, require_finite
from shortlist.offline.progress import Advance, silently
from shortlist.offline.ranker import HIDDEN, WIDTH, Ranker
from shortlist.offline.ranker_lists import Lists
from shortlist.offline.sources import SOURCE_NAMES
from shortlist.ranking.tensors import candidate_dense_names
from shortlist.release.catalogue import Catalogue

Objective = Literal["auto", "cross-entropy", "squared-error"]
Loss = Callable[[Tensor, Tensor, I64], Tensor]
"""Of (B, N) scores, which of them are of candidates, and the numbers of the B lists."""
_BARRED = -1e9
_CONFIDENCE = 40.0
"""The α of Hu, Koren and Volinsky, Collaborative Filtering for Implicit Feedback Datasets, ICDM 2008, section 4."""


@dataclass(frozen=True, slots=True)
class RankerSettings:
    """How the ranker is trained.

    More steps overfit: the loss falls on, and NDCG@10 after the cut falls with it (groceries .094 to .097 after 150,
    .089 after 400, .070 after 1,200).

    Where users rate, squared error ranks as well as cross-entropy: NDCG@10 on the last fifth of each user's positive
    ratings in ml-latest-small .0996 against .0969 (one ranker of each, three seeds, 563 lists that were cut by user
    too; the gain is from -3 to +9 % in 95 of 100 resamples), and the score is a rating.

    Args:
        steps: Batches seen.
        batch: Lists in a batch.
        learning_rate: AdamW's, at the height of its cycle.
        objective: What is learnt: which candidates are bought, or how they are rated; `auto`: what the log tells.
        teachers: Rankers whose mean score the one that is served learns from; 1: it is served itself.
    """

    steps: int = 200
    batch: int = 48
    learning_rate: float = 2e-3
    objective: Objective = "auto"
    teachers: int = 4


def settled(settings: RankerSettings, *, has_ratings: bool) -> RankerSettings:
    """Choose the objective where it is `auto`: squared error for a log of ratings, cross-entropy for any other.

    A ranker of ratings has no teachers, since what is learnt from them is an order.

    Raises:
        InputError: squared error is asked for, and the log has no ratings.
    """
    if settings.objective == "squared-error" and not has_ratings:
        raise InputError("the objective squared-error needs a log whose values are ratings")
    if not has_ratings or settings.objective == "cross-entropy":
        return replace(settings, objective="cross-entropy")
    return replace(settings, objective="squared-error", teachers=1)


@dataclass(frozen=True, slots=True)
class TrainedRanker:
    """The ranker in evaluation mode on the CPU, and the mean loss of each tenth of the steps."""

    ranker: Ranker
    curve: tuple[float, ...]


def train_ranker(
    lists: Lists,
    catalogue: Catalogue,
    history_length: int,
    settings: RankerSettings,
    seed: int,
    after_step: Advance = silently,
    device: Device = CPU,
) -> TrainedRanker:
    """Train on what was bought, or how it was rated.

    Raises:
        InputError: a loss is not finite; names the step and the input that it comes from.
    """
    torch.manual_seed(seed)
    labels, most = torch.from_numpy(lists.labels).to(device), float(lists.values.max(initial=0.0))

    def loss(scores: Tensor, held: Tensor, chosen: I64) -> Tensor:
        if settings.objective == "squared-error":
            return rating_loss(scores, held, torch.from_numpy(lists.values[chosen] / most).to(device))
        return list_loss(scores, held, labels[chosen])

    ranker = new_ranker(lists, catalogue)
    return fit(ranker, lists, history_length, settings, seed, loss, after_step, device)


def new_ranker(lists: Lists, catalogue: Catalogue, width: int = WIDTH, hidden: tuple[int, int] = HIDDEN) -> Ranker:
    """Make a ranker that knows how the inputs in lists are spread, and nothing else."""
    held = lists.candidates.rows != PADDING_ROW
    return Ranker(catalogue.categories, lists.requests.user_dense, lists.dense[held], width, hidden)


def fit(
    ranker: Ranker,
    lists: Lists,
    history_length: int,
    settings: RankerSettings,
    seed: int,
    loss_of: Loss,
    after_step: Advance,
    device: Device,
) -> TrainedRanker:
    """Train on lists drawn at random; steps rather than seconds, so that a seed gives one ranker.

    Raises:
        InputError: a loss is not finite; names the step and the input that it comes from.
    """
    random = np.random.default_rng(seed)
    ranker.to(device)
    optimizer = torch.optim.AdamW(ranker.parameters(), settings.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, settings.steps)
    losses = []
    for step in range(1, settings.steps + 1):
        chosen = random.integers(len(lists), size=settings.batch)
        tensors = {name: tensor.to(device) for name, tensor in lists.take(chosen).tensors(history_length).items()}
        loss = loss_of(ranker(**tensors), tensors["candidates"] != PADDING_ROW, chosen)
        losses.append(loss.item())
        require_finite(losses[-1], f"ranker, batch {step} of {settings.steps}", lambda: _inputs(lists))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        after_step()
    ranker.cpu().fold(lists.requests.history.types)
    tenths = np.array_split(np.array(losses), min(10, len(losses)))
    return TrainedRanker(ranker.eval(), tuple(float(part.mean()) for part in tenths))


def list_loss(scores: Tensor, held: Tensor, labels: Tensor) -> Tensor:
    """Compute the mean cross-entropy of (B, N) lists; each of a list's n positives weighs 1/√n."""
    bought = labels.float()
    surprise = -torch.log_softmax(scores.masked_fill(~held, _BARRED), dim=1) * bought
    return (surprise.sum(dim=1) / bought.sum(dim=1).sqrt()).mean()


def rating_loss(scores: Tensor, held: Tensor, ratings: Tensor) -> Tensor:
    """Compute the weighted mean squared error of (B, N) scores from ratings.

    A rating r, from 0 to 1, weighs 1 + α r; a candidate that nobody rated later counts as 0 and weighs 1, since it may
    only not have been seen. These are the confidences of Hu, Koren and Volinsky, 2008, whose target is 1 for whatever
    was used; here it is the rating itself.
    """
    weights = (1.0 + _CONFIDENCE * ratings) * held
    return (weights * (scores - ratings).square()).sum() / weights.sum()


def _inputs(lists: Lists) -> Inputs:
    """Say where each number that the ranker is trained on comes from."""
    users, rows = lists.requests.users, lists.candidates.rows
    names = candidate_dense_names(SOURCE_NAMES, ITEM_COLUMNS)
    yield (
        lists.dense,
        lambda at, place, column: f"candidate_dense {names[column]} of user {users[at]} and item row {rows[at, place]}",
    )
    yield lists.requests.user_dense, lambda at, column: f"user_dense {USER_DENSE[column]} of user {users[at]}"
    yield lists.requests.history.ages, lambda at, _: f"the age of an event of user {users[at]}"
    yield lists.values, lambda at, place: f"the value of user {users[at]} and item row {rows[at, place]}"
