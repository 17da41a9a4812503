"""The vectors by which the ranker knows items: as they are trained, and as they are served."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from shortlist.core.arrays import I32
from shortlist.offline.modules import CategoryEmbedding


class ItemVectors(nn.Module):
    """The sum of the embeddings of an item's categories, and a 1 behind it.

    Args:
        categories: (R, levels) int32, the catalogue's.
        width: Length of a vector, with the 1.
    """

    def __init__(self, categories: I32, width: int) -> None:
        super().__init__()
        self.embedding = CategoryEmbedding(categories, width - 1)

    def forward(self, rows: Tensor) -> Tensor:
        """Embed rows of any shape; the width is the last axis."""
        return functional.pad(self.embedding(rows), (0, 1), value=1.0)

    def folded(self) -> "FoldedItemVectors":
        """Compute the vector of each combination of categories once, for serving."""
        combinations, number = torch.unique(self.embedding.categories, dim=0, return_inverse=True)
        with torch.no_grad():
            table = functional.pad(self.embedding.kinds(combinations).sum(dim=-2), (0, 1), value=1.0)
        return FoldedItemVectors(table, number)


class FoldedItemVectors(nn.Module):
    """Looks up what `ItemVectors` computes: a small table, and the number of each row's combination.

    Args:
        table: (n, width) float32, a vector for each combination of categories.
        number: (R,) the combination of each row.
    """

    number: Tensor

    def __init__(self, table: Tensor, number: Tensor) -> None:
        super().__init__()
        self.combinations = nn.Embedding.from_pretrained(table)
        narrow = next(
            kind for kind in (torch.uint8, torch.int16, torch.int32) if len(table) - 1 <= torch.iinfo(kind).max
        )
        # As a table of vectors of one, which ONNX gathers from; indexed, it would be in the file once for each use.
        self.register_buffer("number", number.to(narrow).unsqueeze(-1))

    def forward(self, rows: Tensor) -> Tensor:
        """Embed rows of any shape; the width is the last axis."""
        embedded: Tensor = self.combinations(functional.embedding(rows, self.number).squeeze(-1).int())
        return embedded
