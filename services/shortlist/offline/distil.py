"""One ranker that learns from the scores of others (Hinton, Vinyals and Dean, Distilling the knowledge, 2015).

Rankers of different seeds err in different lists, so that their mean is better than each: of four on the groceries
NDCG@10 is .1048 to .1058 and that of each .102. A ranker of the same size that learns from the mean keeps that, .1046
to .1054, and costs at serving what one costs. A smaller one is a variant of docs/compression.md.
"""

from dataclasses import replace

import torch
from torch import Tensor

from shortlist.core.arrays import I64
from shortlist.offline.devices import CPU, Device
from shortlist.offline.progress import Advance, silently
from shortlist.offline.ranker import HIDDEN, WIDTH, Ranker
from shortlist.offline.ranker_lists import Lists
from shortlist.offline.ranker_training import (
    RankerSettings,
    TrainedRanker,
    fit,
    new_ranker,
    train_ranker,
)
from shortlist.release.catalogue import Catalogue

SMALL_WIDTH, SMALL_HIDDEN = 4, (64, 32)
"""A quarter of the weights or less: a quarter as wide, and half as many units in each hidden layer."""

TEMPERATURE = 1.0
"""2 was no better; nor was it to mix the loss with that of what was bought, of which the teachers have told."""

STEPS_TIMES, LEARNING_RATE_TIMES = 3, 1.5
"""Of the teachers' settings: their scores do not overfit as labels do."""

_BARRED = -1e9
_BATCH = 64


def steps_of(settings: RankerSettings) -> int:
    """Count the steps that `train_from_teachers` takes in all."""
    return settings.steps * (settings.teachers + STEPS_TIMES if settings.teachers > 1 else 1)


def train_from_teachers(
    lists: Lists,
    catalogue: Catalogue,
    history_length: int,
    settings: RankerSettings,
    seed: int,
    after_step: Advance = silently,
    device: Device = CPU,
) -> TrainedRanker:
    """Train `settings.teachers` rankers and one that learns from their mean score; that of a single teacher itself.

    Raises:
        InputError: a loss is not finite; names the step and the input that it comes from.
    """
    teachers = [
        train_ranker(lists, catalogue, history_length, settings, seed + number, after_step, device)
        for number in range(settings.teachers)
    ]
    if len(teachers) == 1:
        return teachers[0]
    taught = torch.stack([scores_of(teacher.ranker, lists, history_length) for teacher in teachers]).mean(dim=0)
    return distil(taught, lists, catalogue, history_length, settings, seed, after_step=after_step, device=device)


def distil(
    taught: Tensor,
    lists: Lists,
    catalogue: Catalogue,
    history_length: int,
    settings: RankerSettings,
    seed: int,
    width: int = WIDTH,
    hidden: tuple[int, int] = HIDDEN,
    after_step: Advance = silently,
    device: Device = CPU,
) -> TrainedRanker:
    """Train a ranker of a given size on (n, N) scores of a teacher for n lists.

    Args:
        taught: The teacher's scores; what stands where a candidate is padding does not matter.
        lists: What it learnt from.
        catalogue: The items'.
        history_length: What both look back at.
        settings: Of the teacher's training.
        seed: One seed gives one ranker.
        width: Length of an item's vector.
        hidden: Units of the two hidden layers.
        after_step: Called after each step.
        device: What it is trained on.

    Raises:
        InputError: a loss is not finite.
    """
    torch.manual_seed(seed)
    taught = taught.to(device)

    def loss(scores: Tensor, held: Tensor, chosen: I64) -> Tensor:
        return teaching_loss(scores, taught[chosen], held)

    longer = replace(
        settings,
        steps=settings.steps * STEPS_TIMES,
        learning_rate=settings.learning_rate * LEARNING_RATE_TIMES,
    )
    ranker = new_ranker(lists, catalogue, width, hidden)
    return fit(ranker, lists, history_length, longer, seed, loss, after_step, device)


def teaching_loss(scores: Tensor, taught: Tensor, held: Tensor) -> Tensor:
    """Compute the mean cross-entropy of (B, N) scores with a teacher's.

    Both are divided by the temperature, and the loss multiplied by its square, so that its gradients stay as large
    (section 2 of the paper).
    """
    ours = torch.log_softmax(scores.masked_fill(~held, _BARRED) / TEMPERATURE, dim=1)
    theirs = torch.softmax(taught.masked_fill(~held, _BARRED) / TEMPERATURE, dim=1)
    return -(theirs * ours).sum(dim=1).mean() * TEMPERATURE**2


def scores_of(ranker: Ranker, lists: Lists, history_length: int) -> Tensor:
    """Score lists with a ranker in evaluation mode: (n, N)."""
    parts = [lists.take(slice(start, start + _BATCH)) for start in range(0, len(lists), _BATCH)]
    with torch.no_grad():
        return torch.cat([ranker(**part.tensors(history_length)) for part in parts])
