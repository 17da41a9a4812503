"""The query tower: users as points on the sphere of the items' directions, near what they buy.

It takes the embeddings of the history's items, so what is served holds one table of items.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from shortlist.core.arrays import F32
from shortlist.offline.modules import AgeAndType, Standardise, silent

_HIDDEN = 128
_HEADS = 4


class QueryTower(nn.Module):
    """Embed users: attention pooling over the history with ages and types, and dense features.

    To begin with it is the mean of what was bought.

    Args:
        user_dense: Values seen in training, for the normalisation inside the graph.
        dimension: Length of an embedding.
        is_contextual: Whether a layer of a transformer looks at the events before they are weighed; docs/quality.md
            has what that is worth.
    """

    def __init__(self, user_dense: F32, dimension: int, *, is_contextual: bool = False) -> None:
        super().__init__()
        self.when = AgeAndType(dimension)
        self.context = CausalLayer(dimension) if is_contextual else None
        self.attention = nn.Sequential(nn.Linear(dimension, _HIDDEN // 2), nn.Tanh(), nn.Linear(_HIDDEN // 2, _HEADS))
        self.standardise = Standardise(user_dense)
        self.hidden = nn.Sequential(nn.Linear(_HEADS * dimension + user_dense.shape[1], _HIDDEN), nn.ReLU())
        self.out = silent(_HIDDEN, dimension)
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
        if self.context is not None:
            events = self.context(events, history_mask)
        masked = self.attention(events) - 1e4 * (1.0 - history_mask).unsqueeze(-1)
        # The mask once more, after the softmax: over nothing but padding it would be uniform.
        weights = torch.softmax(masked, dim=1) * history_mask.unsqueeze(-1)
        pooled = torch.matmul(weights.transpose(1, 2), history_embedding).flatten(1)
        mixed = self.out(self.hidden(torch.cat([pooled, self.standardise(user_dense)], dim=-1)))
        direction = functional.normalize((self.skip(pooled) + mixed)[:, :-1], dim=-1)
        return torch.cat([direction, torch.ones_like(mixed[:, -1:])], dim=-1)


class CausalLayer(nn.Module):
    """Let each event of a history attend to itself and what came before it: one head, then a small network.

    Vaswani et al., Attention is all you need, 2017, with a causal mask as in SASRec (Kang and McAuley, 2018).
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dimension)
        self.asked, self.keys, self.values = (nn.Linear(dimension, dimension, bias=False) for _ in range(3))
        self.network = nn.Sequential(
            nn.LayerNorm(dimension), nn.Linear(dimension, _HIDDEN), nn.ReLU(), silent(_HIDDEN, dimension)
        )

    def forward(self, events: Tensor, mask: Tensor) -> Tensor:
        """Give (B, L, D) for (B, L, D) events, newest first, of which (B, L) are held."""
        known = self.norm(events)
        logits = torch.matmul(self.asked(known), self.keys(known).transpose(1, 2)) * events.shape[-1] ** -0.5
        older = torch.ones(events.shape[1], events.shape[1]).triu()  # the newest event is the first
        weights = torch.softmax(logits - 1e4 * (1.0 - older * mask.unsqueeze(1)), dim=-1)
        seen = events + torch.matmul(weights, self.values(known))
        return seen + self.network(seen)
