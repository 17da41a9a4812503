"""What the towers are trained to lower: sampled softmax, corrected for how often items are sampled.

The correction is that of Yi et al., Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations,
RecSys 2019: a negative's logit loses the logarithm of how often the sample holds it.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from shortlist.core.arrays import F32, F64, I64, AnyArray
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.features.encode import USER_DENSE
from shortlist.offline.columns import ITEM_COLUMNS
from shortlist.offline.devices import Device
from shortlist.offline.finite import Inputs
from shortlist.offline.item_tower import ItemTower
from shortlist.offline.query_tower import QueryTower
from shortlist.offline.tower_examples import Batch, TowerExamples
from shortlist.release.catalogue import Catalogue

_BARRED = -1e9


class TowerLoss(nn.Module):
    """Both towers, and the loss of a batch of examples.

    Args:
        examples: What users bought next.
        catalogue: What the items are.
        factors: (R, D - 1) float32, what the item tower begins with.
        history_length: Events that the query tower looks at.
        negatives: Items sampled for a batch, half by how often they are bought, half evenly.
        targets: Most items taken from a basket.
        device: Of PyTorch.
        is_contextual: Whether the query tower has a causal layer.
    """

    def __init__(
        self,
        examples: TowerExamples,
        catalogue: Catalogue,
        factors: F32,
        history_length: int,
        negatives: int,
        targets: int,
        device: Device,
        *,
        is_contextual: bool,
    ) -> None:
        super().__init__()
        self._examples, self._factors = examples, factors
        self._history_length, self._negatives, self._targets = history_length, negatives, targets
        self._device = device
        self._proposal = _proposal(examples, len(catalogue.prices))
        self._columns = [columns.to(device) for columns in examples.columns]
        self.items = ItemTower(catalogue.categories, torch.cat(examples.columns).numpy(), factors)
        self.query = QueryTower(examples.requests.user_dense, factors.shape[1] + 1, is_contextual=is_contextual)
        # exp(2.3) = 10 to begin with: cosines alone are too flat for a softmax over thousands.
        self.sharpness = nn.Parameter(torch.tensor(math.log(10.0)))
        self.to(device)

    def forward(self, examples: I64, random: np.random.Generator) -> Tensor:
        """Compute the sampled softmax cross-entropy; a basket of n targets weighs √n."""
        batch = self._examples.batch(examples, self._history_length, self._targets, random)
        history, targets = self._there(batch.history.rows).long(), self._there(batch.targets).long()
        sampled = random.choice(len(self._proposal), self._negatives, p=self._proposal)
        negatives = self._there(sampled)
        in_history, in_targets, in_negatives = self._embed(batch.period, history, targets, negatives)
        query = self.query(
            in_history,
            (history > 0).float(),
            self._there(batch.history.types),
            self._there(batch.history.ages),
            self._there(batch.user_dense),
        )
        scale = self.sharpness.exp()
        positive = scale * torch.einsum("bd,btd->bt", query, in_targets)
        expected = self._there((self._negatives * self._proposal[sampled]).astype(np.float32))
        negative = scale * query @ in_negatives.T - expected.log()
        negative = negative.masked_fill(self._barred(batch, history, targets)[:, negatives], _BARRED)
        rest = negative.logsumexp(dim=1, keepdim=True)
        held = (targets > 0).float()
        surprise = ((torch.logaddexp(positive, rest) - positive) * held).sum(dim=1)
        weight = held.sum(dim=1).sqrt()
        return (surprise / weight).sum() / weight.sum()

    def inputs(self) -> Inputs:
        """Say where each number that the towers are trained on comes from."""
        requests = self._examples.requests
        yield self._factors, lambda row, _: f"a factor of item row {row}"
        yield requests.user_dense, lambda at, column: f"user_dense {USER_DENSE[column]} of user {requests.users[at]}"
        yield requests.history.ages, lambda at, _: f"the age of an event of user {requests.users[at]}"
        for columns in self._examples.columns:
            yield columns.numpy(), lambda row, column: f"column {ITEM_COLUMNS[column]} of item row {row}"

    def _there(self, array: AnyArray) -> Tensor:
        """Bring an array to where the models are."""
        return torch.from_numpy(array).to(self._device)

    def _embed(self, period: int, *rows: Tensor) -> list[Tensor]:
        """Embed rows as of a week, each distinct one once; padding becomes 0."""
        distinct, places = torch.unique(torch.cat([part.flatten() for part in rows]), return_inverse=True)
        embedded = self.items(distinct, self._columns[period][distinct]) * (distinct > 0).unsqueeze(-1)
        parts = places.split([part.numel() for part in rows])
        # Not by indexing, whose gradient two threads add up in an order of their own.
        return [
            functional.embedding(place, embedded).unflatten(0, part.shape)
            for place, part in zip(parts, rows, strict=True)
        ]

    def _barred(self, batch: Batch, history: Tensor, targets: Tensor) -> Tensor:
        """Mark (B, R) what is no negative: what the user has or is about to buy, and what was not sold yet."""
        barred = torch.zeros(len(history), len(self._proposal), dtype=torch.bool, device=self._device)
        barred.scatter_(1, history, value=True).scatter_(1, targets, value=True)
        barred[:, self._examples.known_rows[batch.period] :] = True
        return barred


def _proposal(examples: TowerExamples, rows: int) -> F64:
    """Mix how often items are bought with all items evenly: frequent items are the hard negatives."""
    bought = np.bincount(examples.targets, minlength=rows) / len(examples.targets)
    even = (np.arange(rows) >= FIRST_ITEM_ROW) / (rows - FIRST_ITEM_ROW)
    proposal: F64 = 0.5 * bought + 0.5 * even
    return proposal
