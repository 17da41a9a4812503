"""Train the two towers: sampled softmax over what users bought next, corrected for how often items are sampled.

Examples are (history before a basket → the basket's items that are new to the user). Item columns enter as of the
week before the basket, so the towers learn what a trend is worth rather than what once was popular.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.arrays import F32, F64, I32, I64
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.features.encode import SECONDS_A_DAY
from shortlist.offline.columns import item_columns
from shortlist.offline.interactions import Interactions
from shortlist.offline.requests import Requests, encode_requests
from shortlist.offline.towers import ItemTower, QueryTower
from shortlist.release.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class TowerSettings:
    """How the towers are trained."""

    dimension: int = 64
    history_length: int = 50
    epochs: int = 8
    patience: int = 1
    batch: int = 256
    negatives: int = 2048
    targets: int = 8
    learning_rate: float = 3e-3
    validation_share: float = 0.08
    period_days: int = 7


@dataclass(frozen=True, slots=True)
class Examples:
    """Requests with what was bought then.

    Args:
        requests: n requests, ascending in time.
        offsets: (n + 1,) where each request's targets begin and end.
        targets: Item rows bought, new to the user.
        periods: (n,) which of the weeks each request lies in.
    """

    requests: Requests
    offsets: I64
    targets: I32
    periods: I64


def examples_of(interactions: Interactions, period_days: int) -> Examples:
    """Make an example of each basket with something new in it, in the order of time."""
    baskets = sorted(interactions.baskets(), key=lambda basket: basket[1])
    requests = encode_requests(interactions, ((user, at_s, span) for user, at_s, span, _ in baskets))
    offsets = np.zeros(len(baskets) + 1, np.int64)
    np.cumsum([len(new) for *_, new in baskets], out=offsets[1:])
    targets = np.concatenate([new for *_, new in baskets])
    periods = (requests.at_s - interactions.times.min()) // (period_days * SECONDS_A_DAY)
    return Examples(requests, offsets, targets, periods.astype(np.int64))


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
    after_epoch: Callable[[], None] = lambda: None,
) -> TrainedTowers:
    """Train on everything that the interactions hold, and keep the epoch that predicts the newest baskets best."""
    torch.manual_seed(seed)
    training = _Training(interactions, catalogue, settings, seed)
    best, curve = float("inf"), []
    kept = training.state()
    for epoch in range(settings.epochs):
        loss = training.epoch()
        validation = training.validate()
        curve.append({"epoch": epoch + 1, "loss": loss, "validation_loss": validation})
        after_epoch()
        if validation < best:
            best, kept = validation, training.state()
        elif epoch + 1 - int(np.argmin([point["validation_loss"] for point in curve])) > settings.patience:
            break
    training.restore(kept)
    return TrainedTowers(training.items.eval(), training.query.eval(), tuple(curve))


class _Training:
    """The loop over batches; a batch lies within one week, so that it sees one state of the item columns."""

    def __init__(self, interactions: Interactions, catalogue: Catalogue, settings: TowerSettings, seed: int) -> None:
        self._settings = settings
        self._random = np.random.default_rng(seed)
        self._seed = seed
        self._examples = examples = examples_of(interactions, settings.period_days)
        start = int(interactions.times.min())
        moments = [
            int(start + period * settings.period_days * SECONDS_A_DAY) for period in range(int(examples.periods.max()) + 1)
        ]
        self._columns = [torch.from_numpy(item_columns(interactions, catalogue, at_s)) for at_s in moments]
        self._known = [interactions.before(at_s).known_rows() for at_s in moments]
        newest = np.arange(len(examples.requests)) >= len(examples.requests) * (1 - settings.validation_share)
        self._fitted, self._held_out = np.flatnonzero(~newest), np.flatnonzero(newest)
        frequency = np.bincount(examples.targets, minlength=interactions.row_count).astype(np.float64)
        uniform = (np.arange(interactions.row_count) >= FIRST_ITEM_ROW).astype(np.float64)
        self._proposal: F64 = 0.5 * frequency / frequency.sum() + 0.5 * uniform / uniform.sum()
        seen = np.concatenate([columns.numpy() for columns in self._columns])
        self.items = ItemTower(catalogue.categories, seen, settings.dimension)
        self.query = QueryTower(examples.requests.user_dense, settings.dimension)
        self.sharpness = nn.Parameter(torch.tensor(np.log(10.0), dtype=torch.float32))
        parameters = [*self.items.parameters(), *self.query.parameters(), self.sharpness]
        self._optimizer = torch.optim.Adam(parameters, settings.learning_rate)

    def epoch(self) -> float:
        """Train on every example once; give the mean loss."""
        self.items.train()
        self.query.train()
        losses = []
        for batch in self._batches(self._fitted, self._random):
            loss = self._loss(batch, self._random)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    def validate(self) -> float:
        """Give the mean loss on the newest examples, over the same negatives each time."""
        self.items.eval()
        self.query.eval()
        random = np.random.default_rng(self._seed)
        with torch.no_grad():
            return float(np.mean([self._loss(batch, random).item() for batch in self._batches(self._held_out, random)]))

    def state(self) -> list[dict[str, Tensor]]:
        """Copy the weights."""
        return [{k: v.clone() for k, v in module.state_dict().items()} for module in (self.items, self.query)]

    def restore(self, state: list[dict[str, Tensor]]) -> None:
        """Put copied weights back."""
        self.items.load_state_dict(state[0])
        self.query.load_state_dict(state[1])

    def _batches(self, examples: I64, random: np.random.Generator) -> list[I64]:
        shuffled = random.permutation(examples)
        by_period = shuffled[np.argsort(self._examples.periods[shuffled], kind="stable")]
        edges = np.flatnonzero(np.diff(self._examples.periods[by_period])) + 1
        weeks = np.split(by_period, edges)
        batches = [part for week in weeks for part in np.array_split(week, -(-len(week) // self._settings.batch))]
        return [batches[place] for place in random.permutation(len(batches))]

    def _loss(self, batch: I64, random: np.random.Generator) -> Tensor:
        settings, examples = self._settings, self._examples
        period = int(examples.periods[batch[0]])
        requests = examples.requests.take(batch)
        history = requests.history.newest(settings.history_length)
        targets = torch.from_numpy(self._targets(batch, random)).long()
        negatives = torch.from_numpy(random.choice(len(self._proposal), settings.negatives, p=self._proposal))
        history_rows = torch.from_numpy(history.rows).long()
        needed, places = torch.unique(torch.cat([history_rows.flatten(), targets.flatten(), negatives]), return_inverse=True)
        embedded = self.items(needed, self._columns[period][needed])
        embedded = embedded * (needed >= 1).unsqueeze(-1)
        in_history, in_targets, in_negatives = places.split([history_rows.numel(), targets.numel(), len(negatives)])
        query = self.query(
            embedded[in_history].view(*history_rows.shape, -1),
            (history_rows > 0).float(),
            torch.from_numpy(history.types),
            torch.from_numpy(history.ages),
            torch.from_numpy(requests.user_dense),
        )
        scale = self.sharpness.exp()
        positive = scale * torch.einsum("bd,btd->bt", query, embedded[in_targets].view(*targets.shape, -1))
        expected = torch.from_numpy(np.log(settings.negatives * self._proposal)).float()[negatives]
        negative = scale * query @ embedded[in_negatives].T - expected
        # What the user has, or is about to buy, is no negative; nor is what was not on sale yet.
        barred = torch.zeros(len(batch), len(self._proposal), dtype=torch.bool)
        barred.scatter_(1, history_rows, value=True).scatter_(1, targets, value=True)
        barred[:, self._known[period] :] = True
        rest = negative.masked_fill(barred[:, negatives], -1e9).logsumexp(dim=1, keepdim=True)
        held = (targets > 0).float()
        surprise = (torch.logaddexp(positive, rest) - positive) * held
        counts = held.sum(dim=1)
        return (surprise.sum(dim=1) / counts.sqrt()).sum() / counts.sqrt().sum()

    def _targets(self, batch: I64, random: np.random.Generator) -> I32:
        offsets, width = self._examples.offsets, self._settings.targets
        chosen = np.zeros((len(batch), width), np.int32)
        for place, example in enumerate(batch):
            bought = self._examples.targets[offsets[example] : offsets[example + 1]]
            if len(bought) > width:
                bought = random.choice(bought, width, replace=False)
            chosen[place, : len(bought)] = bought
        return chosen
