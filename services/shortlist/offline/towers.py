"""The two towers: items and users as points on one sphere, near where a user buys, and a bias for each item.

The bias is the last coordinate of an item's embedding; that of every query is 1. Without it the sphere itself has to
tell popular items from others, which leaves no room for taste: of the gift shop's 2,160 test users all had their ten
nearest items among the same 36.

The item tower runs at training only: its output is the release's embeddings. The query tower takes the embeddings of
the history's items, so what is served holds one table of items.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from shortlist.core.arrays import F32, I32
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.modules import AgeAndType, ItemEmbedding, Standardise

_HIDDEN = 128
_HEADS = 4
_QUIET = 0.1
"""Categories begin as a small part of a direction whose factors have unit length."""


class ItemTower(nn.Module):
    """Embed items from id, categories and what their columns say at a moment.

    Args:
        categories: (R, levels) int32.
        columns: (n, C) float32, values seen in training, for the normalisation inside the graph.
        factors: (R, D - 1) float32, the directions that training begins with.
    """

    def __init__(self, categories: I32, columns: F32, factors: F32) -> None:
        super().__init__()
        dimension = factors.shape[1] + 1
        self.item = ItemEmbedding(categories, dimension)
        with torch.no_grad():
            self.item.ids.weight[:, :-1] = torch.from_numpy(factors)
            self.item.kinds.kinds.weight *= _QUIET
        self.standardise = Standardise(columns[FIRST_ITEM_ROW:])
        self.hidden = nn.Sequential(nn.Linear(dimension + columns.shape[1], _HIDDEN), nn.ReLU())
        self.out = _silent(_HIDDEN, dimension)

    def forward(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Embed (n,) rows with (n, C) raw columns as (n, D): a direction of unit length, and the bias."""
        item = self.item(rows)
        mixed = self.out(self.hidden(torch.cat([item, self.standardise(columns)], dim=-1)))
        direction = functional.normalize(item[:, :-1] + mixed[:, :-1], dim=-1)
        return torch.cat([direction, mixed[:, -1:]], dim=-1)


class QueryTower(nn.Module):
    """Embed users: attention pooling over the history with ages and types, and dense features.

    To begin with it is the mean of what was bought. Pooling beat a transformer layer at equal time on a CPU.
    """

    def __init__(self, user_dense: F32, dimension: int) -> None:
        super().__init__()
        self.when = AgeAndType(dimension)
        self.attention = nn.Sequential(nn.Linear(dimension, _HIDDEN // 2), nn.Tanh(), nn.Linear(_HIDDEN // 2, _HEADS))
        self.standardise = Standardise(user_dense)
        self.hidden = nn.Sequential(nn.Linear(_HEADS * dimension + user_dense.shape[1], _HIDDEN), nn.ReLU())
        self.out = _silent(_HIDDEN, dimension)
        self.skip = nn.Linear(_HEADS * dimension, dimension, bias=False)
        with torch.no_grad():
            self.skip.weight.copy_(torch.eye(dimension).repeat(1, _HEADS) / _HEADS)

    def forward(
        self,
        history_embedding: Tensor,
        history_mask: Tensor,
        history_type: Tensor,
        history_age: Tensor,
        user_dense: Tensor,
    ) -> Tensor:
        """Give (B, D), a direction of unit length and 1; the dense features alone place a user without a history."""
        events = history_embedding + self.when(history_type, history_age)
        masked = self.attention(events) - 1e4 * (1.0 - history_mask).unsqueeze(-1)
        # The mask once more, after the softmax: over nothing but padding it would be uniform.
        weights = torch.softmax(masked, dim=1) * history_mask.unsqueeze(-1)
        pooled = torch.matmul(weights.transpose(1, 2), history_embedding).flatten(1)
        mixed = self.out(self.hidden(torch.cat([pooled, self.standardise(user_dense)], dim=-1)))
        direction = functional.normalize((self.skip(pooled) + mixed)[:, :-1], dim=-1)
        return torch.cat([direction, torch.ones_like(mixed[:, -1:])], dim=-1)


def _silent(inputs: int, outputs: int) -> nn.Linear:
    """Make a layer that adds nothing until it has learnt something."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
