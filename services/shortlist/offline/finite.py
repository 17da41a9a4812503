"""Stop training at a loss that is not finite, and name the value that it comes from."""

import math
from collections.abc import Callable, Iterable

import numpy as np

from shortlist.core.arrays import AnyArray
from shortlist.core.errors import InputError

Describe = Callable[..., str]
"""Says in words where a position of an array is, such as "text of item row 7"; it takes one index for each axis."""
Inputs = Iterable[tuple[AnyArray, Describe]]


def require_finite(loss: float, batch: str, inputs: Callable[[], Inputs]) -> None:
    """Let a finite loss pass.

    Normalisation spreads one bad value over all batches, so all inputs of the training are searched, not the batch's.

    Args:
        loss: Of one batch, before the weights are changed by it.
        batch: Its model and number, for the sentence.
        inputs: Gives everything that the model is trained on; called for a loss that is not finite.

    Raises:
        InputError: naming the batch, and the first input that is not finite.
    """
    if math.isfinite(loss):
        return
    cause = next(filter(None, (_first(array, describe) for array, describe in inputs())), None)
    raise InputError(
        f"{batch}: the loss is {loss}, since {cause}"
        if cause
        else f"{batch}: the loss is {loss}; all inputs are finite, so the weights have grown without bound"
    )


def _first(array: AnyArray, describe: Describe) -> str | None:
    wrong = np.argwhere(~np.isfinite(array))
    if not len(wrong):
        return None
    place = tuple(wrong[0].tolist())
    return f"{describe(*place)} is {array[place]}"
