from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from shortlist.core.errors import InputError
from shortlist.offline import tower_training
from shortlist.offline.catalogues import catalogue_of
from shortlist.offline.checkpoints import Checkpoint
from shortlist.offline.factors import item_factors
from shortlist.offline.interactions import Interactions
from shortlist.offline.tower_examples import PERIOD_DAYS, TowerExamples
from shortlist.offline.tower_training import TowerSettings, TrainedTowers, train_towers
from support.tiny_logs import DAY_S, START_S, tiny_log

LOG = tiny_log()
TRAIN = Interactions.of(LOG, START_S + 120 * DAY_S)
CATALOGUE = catalogue_of(LOG.items, TRAIN.vocabulary)


def test_training_learns_and_one_seed_gives_one_curve() -> None:
    settings = TowerSettings(dimension=16, epochs=3, patience=3)
    first = train_towers(TRAIN, CATALOGUE, settings, seed=3)
    again = train_towers(TRAIN, CATALOGUE, settings, seed=3)
    assert first.curve == again.curve
    assert first.curve[-1]["loss"] < first.curve[0]["loss"]


class _StoppedError(Exception):
    pass


def _stop_after(epochs: int) -> Callable[[], None]:
    left = [epochs]

    def after_epoch() -> None:
        left[0] -= 1
        if not left[0]:
            raise _StoppedError

    return after_epoch


def _weights(towers: TrainedTowers) -> dict[str, torch.Tensor]:
    parts = {"items": towers.items, "query": towers.query}
    return {f"{part} {name}": value for part, tower in parts.items() for name, value in tower.state_dict().items()}


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_training_that_goes_on_after_an_interrupt_ends_bit_for_bit_as_one_without(
    tmp_path: Path, epochs: int
) -> None:
    settings = TowerSettings(dimension=16, epochs=3, patience=3, negatives=64)
    whole = train_towers(TRAIN, CATALOGUE, settings, seed=3)
    checkpoint = Checkpoint(tmp_path / "towers.pt", {})
    with pytest.raises(_StoppedError):
        train_towers(TRAIN, CATALOGUE, settings, 3, _stop_after(epochs), checkpoint)
    calls: list[None] = []
    resumed = train_towers(TRAIN, CATALOGUE, settings, 3, lambda: calls.append(None), checkpoint)
    assert len(calls) == settings.epochs - epochs
    assert resumed.curve == whole.curve
    torch.testing.assert_close(_weights(resumed), _weights(whole), rtol=0.0, atol=0.0)


def test_a_checkpoint_of_towers_of_another_form_is_one_sentence(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "towers.pt", {})
    train_towers(TRAIN, CATALOGUE, TowerSettings(dimension=8, epochs=1, negatives=64), 3, checkpoint=checkpoint)
    with pytest.raises(InputError, match=r"towers\.pt is of towers of another form: delete it to train anew"):
        train_towers(TRAIN, CATALOGUE, TowerSettings(dimension=16), 3, checkpoint=checkpoint)


def test_training_ends_when_patience_does_and_is_not_taken_up_again(tmp_path: Path) -> None:
    settings = TowerSettings(dimension=16, epochs=5, patience=1, learning_rate=0.0, negatives=64)
    checkpoint = Checkpoint(tmp_path / "towers.pt", {})
    first = train_towers(TRAIN, CATALOGUE, settings, 3, checkpoint=checkpoint)
    assert len(first.curve) == 2  # nothing is learnt, so that the second epoch is no better
    again = train_towers(TRAIN, CATALOGUE, settings, 3, _stop_after(1), checkpoint)
    torch.testing.assert_close(_weights(again), _weights(first), rtol=0.0, atol=0.0)


def test_the_epoch_with_the_best_validation_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([3.0, 1.0, 2.0, 1.5])
    settings = TowerSettings(dimension=16, epochs=2, negatives=64)
    until_best = train_towers(TRAIN, CATALOGUE, settings, seed=3)
    monkeypatch.setattr("shortlist.offline.tower_training._Training._validate", lambda _: next(losses))
    settings = TowerSettings(dimension=16, epochs=9, patience=2, negatives=64)
    trained = train_towers(TRAIN, CATALOGUE, settings, seed=3)
    assert [epoch["validation_loss"] for epoch in trained.curve] == [3.0, 1.0, 2.0, 1.5]
    torch.testing.assert_close(_weights(trained), _weights(until_best), rtol=0.0, atol=0.0)


def test_a_loss_that_is_not_finite_stops_training_and_names_the_item(monkeypatch: pytest.MonkeyPatch) -> None:
    factors = item_factors(TRAIN, 15, seed=3)
    factors[7, 2] = np.nan
    monkeypatch.setattr(tower_training, "item_factors", lambda *_: factors)
    with pytest.raises(
        InputError, match=r"^towers, epoch 1, batch 1 of \d+: the loss is nan, since a factor of item row 7 is nan"
    ):
        train_towers(TRAIN, CATALOGUE, TowerSettings(dimension=16), seed=3)


def test_a_batch_lies_within_one_week_and_every_example_is_in_one() -> None:
    examples = TowerExamples.of(TRAIN, CATALOGUE)
    batches = examples.batches(np.arange(len(examples)), 4, np.random.default_rng(0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(examples)))
    assert all(len(batch) <= 4 and len(np.unique(examples.periods[batch])) == 1 for batch in batches)


def test_the_columns_of_a_week_end_before_its_first_example() -> None:
    examples = TowerExamples.of(TRAIN, CATALOGUE)
    begins = TRAIN.times.min() + examples.periods * PERIOD_DAYS * DAY_S
    assert (examples.requests.at_s >= begins).all()
    assert (examples.requests.at_s < begins + PERIOD_DAYS * DAY_S).all()
