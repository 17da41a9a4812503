"""The item tower: items as directions near which those who buy them are, and a bias for each.

The bias is the last coordinate of an item's embedding; that of every query is 1. Without it the sphere itself has to
tell popular items from others, which leaves no room for taste: of the gift shop's 2,160 test users all had their ten
nearest items among the same 36.

It runs at training only: its output is the release's embeddings. Items that come later are placed by `content`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from shortlist.core.arrays import F32, I32
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.modules import ItemEmbedding, Standardise, silent

_HIDDEN = 128
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
        self.out = silent(_HIDDEN, dimension)

    def forward(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Embed (n,) rows with (n, C) raw columns as (n, D): a direction of unit length, and the bias."""
        item = self.item(rows)
        mixed = self.out(self.hidden(torch.cat([item, self.standardise(columns)], dim=-1)))
        direction = functional.normalize(item[:, :-1] + mixed[:, :-1], dim=-1)
        return torch.cat([direction, mixed[:, -1:]], dim=-1)
