"""What the ranker learns from: candidates that would have been served at a moment, and what was bought after it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shortlist.core.arrays import F32, AnyArray, Bool
from shortlist.core.errors import InputError
from shortlist.core.types import PADDING_ROW, Candidates
from shortlist.offline.interactions import Interactions
from shortlist.offline.requests import Requests, all_users_at, bought_before
from shortlist.offline.sources import FittedSources
from shortlist.ranking.tensors import candidate_dense

OPEN_AXES = ("candidates", "candidate_dense")
"""The ranker's inputs whose second axis is the number of candidates."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Candidates of n requests with what was bought among them.

    Args:
        requests: n requests.
        candidates: Their candidates, N each.
        dense: (n, N, C) `candidate_dense`.
        labels: (n, N), new to the user and bought within the horizon.
    """

    requests: Requests
    candidates: Candidates
    dense: F32
    labels: Bool

    @classmethod
    def at(cls, interactions: Interactions, sources: FittedSources, horizon_s: int) -> "Lists":
        """Retrieve for every user at the moment of the sources, and label with what came within the horizon.

        Users who bought none of their candidates teach nothing and are left out.

        Raises:
            InputError: nobody is left.
        """
        at_s, stride = sources.at_s, interactions.row_count
        later = (interactions.times >= at_s) & (interactions.times < at_s + horizon_s) & interactions.is_positive
        requests = all_users_at(interactions, at_s)
        requests = requests.take(np.isin(requests.users, interactions.users[later]))
        if not len(requests):
            raise InputError("the log is too short: nobody who bought before a training cut comes back after it")
        retriever = sources.retriever()
        candidates = retriever.candidates(requests, bought_before(interactions, requests))
        bought = interactions.users[later].astype(np.int64) * stride + interactions.rows[later]
        pairs = requests.users[:, None].astype(np.int64) * stride + candidates.rows
        labels = np.isin(pairs, bought) & (candidates.rows != PADDING_ROW)
        lists = cls(requests, candidates, candidate_dense(candidates, sources.items.columns), labels)
        if not labels.any():
            raise InputError("the log is too short: nobody buys anything new that is known before a training cut")
        return lists.take(labels.any(axis=1))

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: AnyArray | slice) -> "Lists":
        """Select lists by position or mask."""
        rows, scores, ranks = self.candidates.rows, self.candidates.scores, self.candidates.ranks
        return Lists(
            self.requests.take(chosen),
            Candidates(rows[chosen], scores[chosen], ranks[chosen]),
            self.dense[chosen],
            self.labels[chosen],
        )

    def split(self, share: float, random: np.random.Generator) -> tuple["Lists", "Lists"]:
        """Put a random share of the lists aside, at least one; give the rest first."""
        aside = np.zeros(len(self), np.bool_)
        aside[random.permutation(len(self))[: max(1, round(len(self) * share))]] = True
        return self.take(~aside), self.take(aside)

    def tensors(self, history_length: int) -> dict[str, Tensor]:
        """Give the ranker's inputs."""
        history = self.requests.history.newest(history_length)
        arrays = {
            "user_dense": self.requests.user_dense,
            "history": history.rows,
            "history_type": history.types,
            "history_age": history.ages,
            "candidates": self.candidates.rows,
            "candidate_dense": self.dense,
        }
        return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def joined(parts: "list[Lists]") -> Lists:
    """Put lists one after the other; they must be equally wide."""
    candidates = [part.candidates for part in parts]
    return Lists(
        Requests.joined([part.requests for part in parts]),
        Candidates(
            np.concatenate([part.rows for part in candidates]),
            np.concatenate([part.scores for part in candidates]),
            np.concatenate([part.ranks for part in candidates]),
        ),
        np.concatenate([part.dense for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )
