"""The ranker: history attention and dense features through a small network, scored candidate by candidate.

What is done for every candidate of a batch is what takes time, so that the graph has few wide steps: the first layer
is one product, and what depends on the user alone is done to the fewer events of a history.
"""

import torch
from torch import Tensor, nn

from shortlist.core.arrays import F32, I32
from shortlist.core.types import PADDING_ROW
from shortlist.offline.modules import AgeAndType, Standardise
from shortlist.offline.ranker_items import FoldedItemVectors, ItemVectors

WIDTH, HIDDEN = 16, (128, 64)


class Ranker(nn.Module):
    """Score candidates; the user's part is computed once for all of them.

    It knows items by their categories and dense values, not by their ids: what it learnt of ids in one window of two
    thousand lists did not carry over to the next (NDCG@10 on groceries .078 with them, .094 to .097 without; on the
    gift shop the same).

    An item's vector ends with a 1. What meets it is, among the attention's keys, the mask, and in the first layer the
    bias: neither takes a step of its own.

    Args:
        categories: (R, levels) int32, a constant of the graph, gathered by row.
        user_dense: Values seen in training, for the normalisation inside the graph.
        candidate_dense: The same, (lists, C) of real candidates.
        width: Length of an item's vector.
        hidden: Units of the two hidden layers.
    """

    def __init__(
        self,
        categories: I32,
        user_dense: F32,
        candidate_dense: F32,
        width: int = WIDTH,
        hidden: tuple[int, int] = HIDDEN,
    ) -> None:
        super().__init__()
        self.item: ItemVectors | FoldedItemVectors = ItemVectors(categories, width)
        self.when = AgeAndType(width)
        self.asked = nn.Linear(width, width - 1, bias=False)
        self.user = Standardise(user_dense)
        self.dense = Standardise(candidate_dense)
        self.of_user = nn.Linear(user_dense.shape[-1], width, bias=False)
        self.skip = nn.Linear(candidate_dense.shape[-1], 1)
        self.network = nn.Sequential(
            nn.Linear(3 * width + candidate_dense.shape[-1], hidden[0], bias=False),
            nn.LeakyReLU(),  # ONNX Runtime 1.32 runs an int8 product in float if a ReLU follows it
            nn.Linear(*hidden, bias=False),
            nn.LeakyReLU(),
            nn.Linear(hidden[1], 1, bias=False),
        )

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
        user = self.of_user(self.user(user_dense)).unsqueeze(1)
        context = self._attend(item, user, history, history_type, history_age)
        dense = self.dense(candidate_dense)
        scores: Tensor = self.skip(dense) + self.network(torch.cat([item, context, item * context, dense], dim=-1))
        return scores.squeeze(-1)

    def fold(self, seen_types: I32) -> None:
        """Make the tables fit for serving: one of categories, and no type of event without a meaning."""
        if isinstance(self.item, ItemVectors):
            self.item = self.item.folded()
        self.when.stand_in(seen_types)

    def rescale(self, slope: float, intercept: float) -> None:
        """Map every score s to slope * s + intercept."""
        with torch.no_grad():
            self.skip.weight *= slope
            self.network[-1].weight *= slope
            self.skip.bias.mul_(slope).add_(intercept)

    def _attend(self, item: Tensor, user: Tensor, history: Tensor, history_type: Tensor, history_age: Tensor) -> Tensor:
        """Pool the history once for each candidate and add the (B, 1, width) user: (B, N, width)."""
        held = (history != PADDING_ROW).to(item.dtype).unsqueeze(-1)
        events = (self.item(history) + self.when(history_type, history_age)) * held
        # All that can be is done to the L events rather than to N candidates or to their N L pairs: what a candidate
        # asks for, the scale and the mask are in the keys, and the user is in each event, for weights sum to 1.
        keys = torch.cat([self.asked(events) * item.shape[-1] ** -0.5, 1e4 * (held - 1.0)], dim=-1)
        weights = torch.softmax(torch.matmul(item, keys.transpose(1, 2)), dim=-1)
        return torch.matmul(weights, events + user)
