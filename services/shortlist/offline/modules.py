"""Parts that both models share: normalisation inside the graph, category embeddings, ages of events."""

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.arrays import I32, U8, AnyArray
from shortlist.core.types import PADDING_ROW, UNKNOWN_ROW, EventType

EVENT_TYPES = max(EventType) + 1
CLIP = 5.0
"""Standardised inputs end at five deviations: one strange price must not move a score without bound."""


class Standardise(nn.Module):
    """Centre, scale and clip raw values, with what was seen in training."""

    mean: Tensor
    scale: Tensor

    def __init__(self, seen: AnyArray) -> None:
        super().__init__()
        flat = seen.reshape(-1, seen.shape[-1]).astype(np.float64)
        deviation = flat.std(axis=0)
        # A column that never varied says nothing: it becomes 0, wherever it strays later.
        scale = np.where(deviation > 1e-6, 1.0 / np.maximum(deviation, 1e-6), 0.0)
        self.register_buffer("mean", torch.tensor(flat.mean(axis=0), dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))

    def forward(self, values: Tensor) -> Tensor:
        """Normalise the last axis."""
        return torch.clamp((values - self.mean) * self.scale, -CLIP, CLIP)


class CategoryEmbedding(nn.Module):
    """The sum of the embeddings of an item's categories.

    Args:
        categories: (R, levels) int32, the catalogue's.
        width: Length of a vector.
    """

    categories: Tensor

    def __init__(self, categories: I32, width: int) -> None:
        super().__init__()
        self.kinds = nn.Embedding(int(categories.max(initial=0)) + 1, width, padding_idx=0)
        nn.init.normal_(self.kinds.weight, std=width**-0.5)
        with torch.no_grad():
            self.kinds.weight[0] = 0.0
        self.register_buffer("categories", torch.tensor(categories, dtype=torch.int64))

    def forward(self, rows: Tensor) -> Tensor:
        """Embed rows of any shape; the width is the last axis."""
        return self.kinds(self.categories[rows]).sum(dim=-2)


class ItemEmbedding(nn.Module):
    """An embedding of an item's id plus those of its categories.

    Ids are dropped at random in training, so that row 1 (unknown) means "an item of this category".

    Args:
        categories: (R, levels) int32, the catalogue's.
        width: Length of a vector.
        drop: Share of the ids that training replaces by row 1.
    """

    def __init__(self, categories: I32, width: int, drop: float = 0.1) -> None:
        super().__init__()
        self.drop = drop
        self.ids = nn.Embedding(len(categories), width, padding_idx=PADDING_ROW)
        self.kinds = CategoryEmbedding(categories, width)
        nn.init.normal_(self.ids.weight, std=width**-0.5)
        with torch.no_grad():
            self.ids.weight[PADDING_ROW] = 0.0

    def forward(self, rows: Tensor) -> Tensor:
        """Embed rows of any shape; the width is the last axis."""
        ids = rows
        if self.training:
            dropped = (torch.rand(rows.shape) < self.drop) & (rows != PADDING_ROW)
            ids = torch.where(dropped, UNKNOWN_ROW, rows)
        embedded: Tensor = self.ids(ids) + self.kinds(rows)
        return embedded


class AgeAndType(nn.Module):
    """Embed when and how a history's events happened."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.types = nn.Embedding(EVENT_TYPES, width)
        self.ages = nn.Linear(2, width)
        nn.init.normal_(self.types.weight, std=0.02)

    def stand_in(self, seen: I32 | U8) -> None:
        """Let the commonest type that training saw stand in for those that it did not: a click counts as a purchase."""
        counts = np.bincount(seen.ravel(), minlength=EVENT_TYPES)
        counts[0] = 0
        with torch.no_grad():
            self.types.weight[torch.from_numpy(counts == 0)] = self.types.weight[int(counts.argmax())].clone()

    def forward(self, types: Tensor, ages: Tensor) -> Tensor:
        """Give (B, L, width) for (B, L) types and ages in days."""
        # log(1 + days) tells days apart, days / 365 the season; each about 1 in size.
        age = torch.stack([torch.log1p(ages) / 3.0, ages / 365.0], dim=-1)
        return self.types(types) + self.ages(torch.clamp(age, 0.0, CLIP))


def silent(inputs: int, outputs: int) -> nn.Linear:
    """Make a layer that adds nothing until it has learnt something."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
