"""Train the two towers: sampled softmax over what users bought next, corrected for how often items are sampled.

The correction is that of Yi et al., Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations,
RecSys 2019: a negative's logit loses the logarithm of how often the sample holds it.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from shortlist.core.arrays import F32, F64, I64
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.factors import item_factors
from shortlist.offline.interactions import Interactions
from shortlist.offline.progress import Advance, silently
from shortlist.offline.tower_examples import Batch, TowerExamples
from shortlist.offline.towers import ItemTower, QueryTower
from shortlist.release.catalogue import Catalogue

_BARRED = -1e9


@dataclass(frozen=True, slots=True)
class TowerSettings:
    """How the towers are trained.

    Args:
        dimension: Length of an embedding.
        history_length: Events that the query tower looks at.
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
    """Both towers in evaluation mode, and the losses after each epoch."""

    items: ItemTower
    query: QueryTower
    curve: tuple[dict[str, float], ...]


def train_towers(
    interactions: Interactions,
    catalogue: Catalogue,
    settings: TowerSettings,
    seed: int,
    after_epoch: Advance = silently,
) -> TrainedTowers:
    """Train on everything that the interactions hold, and keep the epoch that predicts the newest baskets best."""
    torch.manual_seed(seed)
    factors = item_factors(interactions, settings.dimension - 1, seed)
    training = _Training(TowerExamples.of(interactions, catalogue), catalogue, factors, settings, seed)
    losses, validations = [], []
    best = training.weights()
    for _ in range(settings.epochs):
        losses.append(training.epoch())
        validations.append(training.validate())
        after_epoch()
        since_best = len(validations) - 1 - int(np.argmin(validations))
        if since_best == 0:
            best = training.weights()
        elif since_best == settings.patience:
            break
    training.models.load_state_dict(best)
    training.query.when.stand_in(interactions.types)
    training.models.eval()
    curve = tuple(
        {"loss": loss, "validation_loss": validation} for loss, validation in zip(losses, validations, strict=True)
    )
    return TrainedTowers(training.items, training.query, curve)


class _Training:
    """The towers under training, and the loop over batches."""

    def __init__(
        self, examples: TowerExamples, catalogue: Catalogue, factors: F32, settings: TowerSettings, seed: int
    ) -> None:
        self._examples, self._settings, self._seed = examples, settings, seed
        self._random = np.random.default_rng(seed)
        held_out = max(1, round(len(examples) * settings.validation_share))
        self._fitted, self._held_out = np.split(np.arange(len(examples)), [len(examples) - held_out])
        self._proposal = _proposal(examples, len(catalogue.prices))
        seen = torch.cat(examples.columns).numpy()
        self.items = ItemTower(catalogue.categories, seen, factors)
        self.query = QueryTower(examples.requests.user_dense, settings.dimension)
        # exp(2.3) = 10 to begin with: cosines alone are too flat for a softmax over thousands.
        self._sharpness = nn.Parameter(torch.tensor(math.log(10.0)))
        self.models = nn.ModuleList([self.items, self.query])
        self._optimizer = torch.optim.Adam([*self.models.parameters(), self._sharpness], settings.learning_rate)

    def epoch(self) -> float:
        """Train once on the examples, or on a part of them where there are many; give the mean loss."""
        self.models.train()
        losses = []
        drawn = self._random.permutation(self._fitted)[: self._settings.examples]
        for examples in self._examples.batches(drawn, self._settings.batch, self._random):
            loss = self._loss(examples, self._random)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    def validate(self) -> float:
        """Give the mean loss on the newest examples, over the same sample each time."""
        self.models.eval()
        random = np.random.default_rng(self._seed)
        with torch.no_grad():
            batches = self._examples.batches(self._held_out, self._settings.batch, random)
            return float(np.mean([self._loss(examples, random).item() for examples in batches]))

    def weights(self) -> dict[str, Tensor]:
        """Copy the weights."""
        return {name: tensor.clone() for name, tensor in self.models.state_dict().items()}

    def _loss(self, examples: I64, random: np.random.Generator) -> Tensor:
        """Compute the sampled softmax cross-entropy; a basket of n targets weighs √n."""
        settings = self._settings
        batch = self._examples.batch(examples, settings.history_length, settings.targets, random)
        history, targets = torch.from_numpy(batch.history.rows).long(), torch.from_numpy(batch.targets).long()
        negatives = torch.from_numpy(random.choice(len(self._proposal), settings.negatives, p=self._proposal))
        in_history, in_targets, in_negatives = self._embed(batch.period, history, targets, negatives)
        query = self.query(
            in_history,
            (history > 0).float(),
            torch.from_numpy(batch.history.types),
            torch.from_numpy(batch.history.ages),
            torch.from_numpy(batch.user_dense),
        )
        scale = self._sharpness.exp()
        positive = scale * torch.einsum("bd,btd->bt", query, in_targets)
        expected = torch.from_numpy(settings.negatives * self._proposal[negatives.numpy()]).float()
        negative = scale * query @ in_negatives.T - expected.log()
        negative = negative.masked_fill(self._barred(batch, history, targets)[:, negatives], _BARRED)
        rest = negative.logsumexp(dim=1, keepdim=True)
        held = (targets > 0).float()
        surprise = ((torch.logaddexp(positive, rest) - positive) * held).sum(dim=1)
        weight = held.sum(dim=1).sqrt()
        return (surprise / weight).sum() / weight.sum()

    def _embed(self, period: int, *rows: Tensor) -> list[Tensor]:
        """Embed rows as of a week, each distinct one once; padding becomes 0."""
        distinct, places = torch.unique(torch.cat([part.flatten() for part in rows]), return_inverse=True)
        embedded = self.items(distinct, self._examples.columns[period][distinct]) * (distinct > 0).unsqueeze(-1)
        parts = places.split([part.numel() for part in rows])
        # Not by indexing, whose gradient two threads add up in an order of their own.
        return [
            functional.embedding(place, embedded).unflatten(0, part.shape)
            for place, part in zip(parts, rows, strict=True)
        ]

    def _barred(self, batch: Batch, history: Tensor, targets: Tensor) -> Tensor:
        """Mark (B, R) what is no negative: what the user has or is about to buy, and what was not sold yet."""
        barred = torch.zeros(len(history), len(self._proposal), dtype=torch.bool)
        barred.scatter_(1, history, value=True).scatter_(1, targets, value=True)
        barred[:, self._examples.known_rows[batch.period] :] = True
        return barred


def _proposal(examples: TowerExamples, rows: int) -> F64:
    """Mix how often items are bought with all items evenly: frequent items are the hard negatives."""
    bought = np.bincount(examples.targets, minlength=rows) / len(examples.targets)
    even = (np.arange(rows) >= FIRST_ITEM_ROW) / (rows - FIRST_ITEM_ROW)
    proposal: F64 = 0.5 * bought + 0.5 * even
    return proposal
