"""What the ranker learns from: candidates that would have been served at a moment, and what was bought after it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shortlist.core.arrays import F32, I32, I64, AnyArray, Bool
from shortlist.core.types import PADDING_ROW, Candidates
from shortlist.offline.interactions import Interactions
from shortlist.offline.requests import Requests, all_users_at, bought_before
from shortlist.offline.sources import FittedSources
from shortlist.ranking.tensors import candidate_dense
from shortlist.release.bundle import ItemArrays
from shortlist.release.catalogue import Catalogue

OPEN_AXES = ("candidates", "candidate_dense")
"""The ranker's inputs whose second axis is the number of candidates."""


@dataclass(frozen=True, slots=True)
class Bought:
    """What users bought in a span of time, P events.

    Args:
        pairs: (P,) int64, user code << 32 | item row, ascending.
        values: (P,) float32, NaN where an event has none.
    """

    pairs: I64
    values: F32

    @classmethod
    def nothing(cls) -> "Bought":
        """Nobody bought anything."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.float32))

    @classmethod
    def within(cls, interactions: Interactions, at_s: int, end_s: int) -> "Bought":
        """Collect the positive events from a moment to before another."""
        later = (interactions.times >= at_s) & (interactions.times < end_s) & interactions.is_positive
        pairs = _pairs(interactions.users[later], interactions.rows[later])
        order = np.argsort(pairs, kind="stable")
        return cls(pairs[order], interactions.values[later][order])

    def among(self, users: I32, rows: I32) -> tuple[Bool, F32]:
        """Tell which of (n, N) item rows n users bought, and the value of the first such event, else 0."""
        asked = _pairs(users[:, None], rows)
        places = np.searchsorted(self.pairs, asked)
        found = np.append(self.pairs, -1)[places] == asked
        values = np.nan_to_num(np.append(self.values, 0.0)[places]) * found
        labels: Bool = found & (rows != PADDING_ROW)
        return labels, values.astype(np.float32)


def _pairs(users: I32, rows: I32) -> I64:
    paired: I64 = users.astype(np.int64) << 32 | rows
    return paired


@dataclass(frozen=True, slots=True)
class Lists:
    """Candidates of n requests with what was bought among them.

    Args:
        requests: n requests.
        candidates: Their candidates, N each.
        dense: (n, N, C) `candidate_dense`.
        labels: (n, N), new to the user and bought within the horizon.
        values: (n, N) float32, of what was bought the event's value, such as stars given; else 0.
    """

    requests: Requests
    candidates: Candidates
    dense: F32
    labels: Bool
    values: F32

    @classmethod
    def of(
        cls,
        requests: Requests,
        candidates: Candidates,
        items: ItemArrays,
        catalogue: Catalogue,
        bought: Bought | None = None,
    ) -> "Lists":
        """Put together what the ranker is given for candidates, and what was `bought` of them later."""
        dense = candidate_dense(requests.history, candidates, items.columns, catalogue.categories)
        labels, values = (bought or Bought.nothing()).among(requests.users, candidates.rows)
        return cls(requests, candidates, dense, labels, values)

    @classmethod
    def at(cls, interactions: Interactions, catalogue: Catalogue, sources: FittedSources, bought: Bought) -> "Lists":
        """Retrieve for every user at the moment of the sources, and label with what was bought later.

        Users who bought none of their candidates are in it too: they tell how often nothing is bought.
        """
        requests = all_users_at(interactions, sources.at_s)
        candidates = sources.retriever().candidates(requests, bought_before(interactions, requests))
        return cls.of(requests, candidates, sources.items, catalogue, bought)

    def teaching(self) -> "Lists":
        """Take those of which something was bought: of the others, a ranker can learn no order."""
        return self.take(np.flatnonzero(self.labels.any(axis=1)))

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
            self.values[chosen],
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
        np.concatenate([part.values for part in parts]),
    )
