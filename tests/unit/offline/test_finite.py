import numpy as np
import pytest

from shortlist.core.errors import InputError
from shortlist.offline.finite import Inputs, require_finite


def _inputs() -> Inputs:
    yield np.ones((2, 2)), lambda row, column: f"first {row} {column}"
    yield np.array([1.0, -np.inf, np.nan]), lambda place: f"second {place}"


def test_a_finite_loss_passes_without_a_look_at_the_inputs() -> None:
    require_finite(0.5, "model, batch 1", lambda: pytest.fail("the inputs were searched"))


def test_a_loss_that_is_not_finite_names_the_batch_and_the_first_such_input() -> None:
    with pytest.raises(InputError, match=r"^model, batch 3: the loss is nan, since second 1 is -inf$"):
        require_finite(float("nan"), "model, batch 3", _inputs)


def test_where_all_inputs_are_finite_the_weights_are_blamed() -> None:
    with pytest.raises(InputError, match=r"^model, batch 3: the loss is inf; all inputs are finite, so the weights"):
        require_finite(float("inf"), "model, batch 3", lambda: [(np.ones(3), str)])
