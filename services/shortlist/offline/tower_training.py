"""Train the two towers on what users bought next, until the newest baskets are predicted no better."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shortlist.core.arrays import F32
from shortlist.core.errors import InputError
from shortlist.offline.checkpoints import Checkpoint
from shortlist.offline.devices import CPU, Device
from shortlist.offline.factors import item_factors
from shortlist.offline.finite import require_finite
from shortlist.offline.interactions import Interactions
from shortlist.offline.item_tower import ItemTower
from shortlist.offline.progress import Advance, silently
from shortlist.offline.query_tower import QueryTower
from shortlist.offline.tower_examples import TowerExamples
from shortlist.offline.tower_loss import TowerLoss
from shortlist.release.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class TowerSettings:
    """How the towers are trained.

    Args:
        dimension: Length of an embedding.
        history_length: Events that the query tower looks at.
        is_contextual: Whether the query tower has a causal layer; see `QueryTower`.
        epochs: Most epochs; the validation loss is flat after one to three on both logs.
        examples: Most examples of an epoch, drawn at random.
        patience: Epochs without a better validation loss, after which training ends.
        batch: Requests.
        negatives: Items sampled for a batch, half by how often they are bought, half evenly.
        targets: Most items taken from a basket in an epoch.
        learning_rate: Adam's. At 0.01 the towers forget the factors and tell popular items only.
        validation_share: Share of the newest examples that training does not see.
    """

    dimension: int = 64
    history_length: int = 50
    is_contextual: bool = False
    epochs: int = 5
    examples: int = 20_000
    patience: int = 2
    batch: int = 128
    negatives: int = 4096
    targets: int = 8
    learning_rate: float = 1.5e-3
    validation_share: float = 0.08


@dataclass(frozen=True, slots=True)
class TrainedTowers:
    """Both towers in evaluation mode on the CPU, and the losses after each epoch."""

    items: ItemTower
    query: QueryTower
    curve: tuple[dict[str, float], ...]


def train_towers(
    interactions: Interactions,
    catalogue: Catalogue,
    settings: TowerSettings,
    seed: int,
    after_epoch: Advance = silently,
    checkpoint: Checkpoint | None = None,
    device: Device = CPU,
) -> TrainedTowers:
    """Train on everything that the interactions hold, and keep the epoch that predicts the newest baskets best.

    Args:
        interactions: The log.
        catalogue: What the items are.
        settings: How.
        seed: One seed gives one pair of towers.
        after_epoch: Called after each epoch, when its checkpoint is written.
        checkpoint: Training goes on from it, and writes it after each epoch; the towers are the same as without.
        device: Of PyTorch, to train on.

    Raises:
        InputError: a loss is not finite, or the checkpoint is refused or cannot be written.
    """
    torch.manual_seed(seed)
    factors = item_factors(interactions, settings.dimension - 1, seed)
    examples = TowerExamples.of(interactions, catalogue)
    training = _Training(examples, catalogue, factors, settings, seed, device)
    if checkpoint and (state := checkpoint.read()) is not None:
        try:
            training.restore(state)
        except (LookupError, ValueError, RuntimeError) as error:
            raise InputError(f"{checkpoint.path} is of towers of another form: delete it to train anew") from error
    while not training.has_ended:
        training.epoch()
        if checkpoint:
            checkpoint.write(training.state())
        after_epoch()
    return training.trained(interactions)


class _Training:
    """The towers under training, and the loop over batches."""

    def __init__(
        self,
        examples: TowerExamples,
        catalogue: Catalogue,
        factors: F32,
        settings: TowerSettings,
        seed: int,
        device: Device,
    ) -> None:
        self._examples, self._settings, self._seed = examples, settings, seed
        self._random = np.random.default_rng(seed)
        held_out = max(1, round(len(examples) * settings.validation_share))
        self._fitted, self._held_out = np.split(np.arange(len(examples)), [len(examples) - held_out])
        self._loss = TowerLoss(
            examples,
            catalogue,
            factors,
            settings.history_length,
            settings.negatives,
            settings.targets,
            device,
            is_contextual=settings.is_contextual,
        )
        self._optimizer = torch.optim.Adam(self._loss.parameters(), settings.learning_rate)
        self._curve: list[dict[str, float]] = []
        self._best = self._weights()

    @property
    def has_ended(self) -> bool:
        """Whether all epochs are over, or the last of them brought nothing."""
        epochs, since_best = len(self._curve), len(self._curve) - 1 - self._best_epoch()
        return epochs >= self._settings.epochs or (epochs > 0 and since_best >= self._settings.patience)

    def epoch(self) -> None:
        """Train once on the examples, or on a part of them where there are many; then validate.

        Raises:
            InputError: a loss is not finite; the weights are those before its batch.
        """
        self._loss.train()
        losses = []
        drawn = self._random.permutation(self._fitted)[: self._settings.examples]
        batches = self._examples.batches(drawn, self._settings.batch, self._random)
        for number, examples in enumerate(batches, 1):
            loss = self._loss(examples, self._random)
            losses.append(self._finite(loss, f"batch {number} of {len(batches)}"))
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
        self._curve.append({"loss": float(np.mean(losses)), "validation_loss": self._validate()})
        if self._best_epoch() == len(self._curve) - 1:
            self._best = self._weights()

    def state(self) -> dict[str, Any]:
        """Give what `restore` needs to go on as if nothing had happened."""
        return {
            "weights": self._weights(),
            "best": self._best,
            "optimizer": self._optimizer.state_dict(),
            "torch_random": torch.get_rng_state(),
            "numpy_random": self._random.bit_generator.state,
            "curve": self._curve,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._loss.load_state_dict(state["weights"])
        self._best = state["best"]
        self._optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["torch_random"])
        self._random.bit_generator.state = state["numpy_random"]
        self._curve = list(state["curve"])

    def trained(self, interactions: Interactions) -> TrainedTowers:
        """Give the towers of the best epoch."""
        self._loss.load_state_dict(self._best)
        self._loss.cpu().eval()
        self._loss.query.when.stand_in(interactions.types)
        return TrainedTowers(self._loss.items, self._loss.query, tuple(self._curve))

    def _best_epoch(self) -> int:
        return int(np.argmin([epoch["validation_loss"] for epoch in self._curve])) if self._curve else -1

    def _validate(self) -> float:
        """Give the mean loss on the newest examples, over the same sample each time."""
        self._loss.eval()
        random = np.random.default_rng(self._seed)
        with torch.no_grad():
            batches = self._examples.batches(self._held_out, self._settings.batch, random)
            losses = [
                self._finite(self._loss(examples, random), f"validation batch {number} of {len(batches)}")
                for number, examples in enumerate(batches, 1)
            ]
        return float(np.mean(losses))

    def _weights(self) -> dict[str, Tensor]:
        return {name: tensor.cpu().clone() for name, tensor in self._loss.state_dict().items()}

    def _finite(self, loss: Tensor, batch: str) -> float:
        value = float(loss.item())
        require_finite(value, f"towers, epoch {len(self._curve) + 1}, {batch}", self._loss.inputs)
        return value
