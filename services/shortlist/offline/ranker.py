"""The ranker: history attention and dense features through a small network, scored candidate by candidate."""

import torch
from torch import Tensor, nn

from shortlist.core.arrays import F32, I32
from shortlist.core.types import PADDING_ROW
from shortlist.offline.modules import AgeAndType, CategoryEmbedding, FoldedCategories, Standardise

_WIDTH = 16
_HIDDEN = (128, 64)


class Ranker(nn.Module):
    """Score candidates; the user's part is computed once for all of them.

    It knows items by their categories and dense values, not by their ids: what it learnt of ids in one window of two
    thousand lists did not carry over to the next (NDCG@10 on groceries .078 with them, .094 to .097 without; on the
    gift shop the same).

    Args:
        categories: (R, levels) int32, a constant of the graph, gathered by row.
        user_dense: Values seen in training, for the normalisation inside the graph.
        candidate_dense: The same, (lists, C) of real candidates.
    """

    def __init__(self, categories: I32, user_dense: F32, candidate_dense: F32) -> None:
        super().__init__()
        self.item: CategoryEmbedding | FoldedCategories = CategoryEmbedding(categories, _WIDTH)
        self.when = AgeAndType(_WIDTH)
        self.asked = nn.Linear(_WIDTH, _WIDTH)
        self.user = Standardise(user_dense)
        self.dense = Standardise(candidate_dense)
        plain, mixed = user_dense.shape[-1] + candidate_dense.shape[-1], 3 * _WIDTH
        self.skip = nn.Linear(plain + mixed, 1)
        # Two products for one layer: embeddings are a tenth of the size of dense values, and in int8 a common scale
        # rounds them away (94 % of the top 20 kept on the grocery log).
        self.of_dense = nn.Linear(plain, _HIDDEN[0])
        self.of_items = nn.Linear(mixed, _HIDDEN[0], bias=False)
        self.network = nn.Sequential(nn.ReLU(), nn.Linear(*_HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN[1], 1))

    def forward(
        self,
        user_dense: Tensor,
        history: Tensor,
        history_type: Tensor,
        history_age: Tensor,
        candidates: Tensor,
        candidate_dense: Tensor,
    ) -> Tensor:
        """Give (B, N); what stands where a candidate is padding is meaningless."""
        item = self.item(candidates)
        context = self._attend(item, history, history_type, history_age)
        user = self.user(user_dense).unsqueeze(1).expand(-1, candidates.shape[1], -1)
        dense = torch.cat([user, self.dense(candidate_dense)], dim=-1)
        items = torch.cat([item, context, item * context], dim=-1)
        hidden = self.of_dense(dense) + self.of_items(items)
        return (self.skip(torch.cat([dense, items], dim=-1)) + self.network(hidden)).squeeze(-1)

    def fold(self, seen_types: I32) -> None:
        """Make the tables fit for serving: one of categories, and no type of event without a meaning."""
        if isinstance(self.item, CategoryEmbedding):
            self.item = self.item.folded()
        self.when.stand_in(seen_types)

    def _attend(self, item: Tensor, history: Tensor, history_type: Tensor, history_age: Tensor) -> Tensor:
        """Pool the history once for each candidate: (B, N, width), 0 for a user without one."""
        events = self.item(history) + self.when(history_type, history_age)
        held = (history != PADDING_ROW).to(events.dtype).unsqueeze(1)
        logits = torch.matmul(self.asked(item), events.transpose(1, 2)) * _WIDTH**-0.5
        weights = torch.softmax(logits - 1e4 * (1.0 - held), dim=-1) * held
        return torch.matmul(weights, events)
