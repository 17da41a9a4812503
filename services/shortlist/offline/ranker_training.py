"""Train the ranker: what users bought in the months after a cut, among the candidates that would have been served at it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from shortlist.core.arrays import AnyArray, Bool, F32
from shortlist.core.types import Candidates
from shortlist.offline.interactions import Interactions
from shortlist.offline.ranker import Ranker
from shortlist.offline.requests import Requests, all_users_at
from shortlist.offline.retriever import Retriever, bought_by
from shortlist.offline.sources import FittedSources
from shortlist.ranking.tensors import candidate_dense
from shortlist.release.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class RankerSettings:
    """How the ranker is trained."""

    steps: int = 1500
    batch: int = 48
    learning_rate: float = 2e-3
    weight_decay: float = 1e-5


@dataclass(frozen=True, slots=True)
class Lists:
    """Candidates of requests with what was bought among them.

    Args:
        requests: n requests.
        candidates: Their candidates, N each.
        dense: (n, N, C) `candidate_dense`.
        labels: (n, N), bought within the horizon after the request.
    """

    requests: Requests
    candidates: Candidates
    dense: F32
    labels: Bool

    def __len__(self) -> int:
        return len(self.labels)

    def tensors(self, chosen: AnyArray, history_length: int) -> dict[str, torch.Tensor]:
        """Give the ranker's inputs for some of the lists."""
        requests = self.requests.take(chosen)
        history = requests.history.newest(history_length)
        arrays = {
            "user_dense": requests.user_dense,
            "history": history.rows,
            "history_type": history.types,
            "history_age": history.ages,
            "candidates": self.candidates.rows[chosen],
            "candidate_dense": self.dense[chosen],
        }
        return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def lists_at(
    interactions: Interactions, sources: FittedSources, retriever: Retriever, horizon_s: int
) -> Lists:
    """Retrieve for every user at the moment of the sources, and label with what was new and bought in the horizon.

    Users who bought nothing new among their candidates teach nothing and are left out.
    """
    at_s = sources.at_s
    requests = all_users_at(interactions, at_s)
    later = (interactions.times >= at_s) & (interactions.times < at_s + horizon_s)
    requests = requests.take(np.isin(requests.users, interactions.users[later]))
    candidates = retriever.candidates(requests, bought_by(interactions, requests))
    stride = interactions.row_count
    bought = np.unique(interactions.users[later].astype(np.int64) * stride + interactions.rows[later])
    labels = np.isin(requests.users[:, None].astype(np.int64) * stride + candidates.rows, bought) & (candidates.rows > 0)
    useful = labels.any(axis=1)
    candidates = Candidates(candidates.rows[useful], candidates.scores[useful], candidates.ranks[useful])
    return Lists(
        requests.take(useful), candidates, candidate_dense(candidates, sources.items.columns), labels[useful]
    )


def train_ranker(
    lists: Sequence[Lists],
    catalogue: Catalogue,
    history_length: int,
    settings: RankerSettings,
    seed: int,
    after_step: Callable[[], None] = lambda: None,
) -> tuple[Ranker, list[float]]:
    """Train for a fixed number of steps; give the ranker in evaluation mode and the mean loss of each tenth."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    seen = np.concatenate([part.dense[part.candidates.rows > 0] for part in lists])
    users = np.concatenate([part.requests.user_dense for part in lists])
    ranker = Ranker(catalogue.categories, users, seen)
    optimizer = torch.optim.AdamW(ranker.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, settings.steps)
    losses = []
    everything = np.concatenate([np.column_stack([np.full(len(part), n), np.arange(len(part))]) for n, part in enumerate(lists)])
    ranker.train()
    for _ in range(settings.steps):
        drawn = everything[random.integers(len(everything), size=settings.batch)]
        loss = torch.stack(
            [
                _loss(ranker, lists[n], drawn[drawn[:, 0] == n, 1], history_length)
                for n in np.unique(drawn[:, 0])
            ]
        ).sum() / settings.batch
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        after_step()
    trained = np.zeros(len(catalogue.categories), np.bool_)
    for part in lists:
        trained[part.candidates.rows] = True
        trained[part.requests.history.rows] = True
    ranker.item = ranker.item.folded(trained)
    return ranker.eval(), [float(part.mean()) for part in np.array_split(np.array(losses), 10)]


def _loss(ranker: Ranker, lists: Lists, chosen: AnyArray, history_length: int) -> torch.Tensor:
    """Softmax cross-entropy over each list, a positive of n weighted 1/√n, summed over the lists."""
    tensors = lists.tensors(chosen, history_length)
    scores = ranker(**tensors).masked_fill(tensors["candidates"] == 0, -1e9)
    labels = torch.from_numpy(lists.labels[chosen]).float()
    return -(torch.log_softmax(scores, dim=1) * labels / labels.sum(dim=1, keepdim=True).sqrt()).sum()
