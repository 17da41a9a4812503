"""Who calls when: the arrivals of a run, drawn from a seed, the same for every system that is measured."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from shortlist.core.arrays import F64, I32, Bool

USERS = 100_000
ZIPF_EXPONENT = 1.0
WRITE_SHARE = 0.1
"""Of all calls; a write puts the user's row into Redis again."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Calls in the order of their due times.

    Args:
        users: (n,) int32, numbers of users from 0.
        is_write: (n,) whether the user's row is written rather than a slate asked for.
        due_s: (n,) float64, seconds from the run's start, ascending; all 0 for a closed loop, which only has an order.
    """

    users: I32
    is_write: Bool
    due_s: F64

    def __len__(self) -> int:
        return len(self.users)

    def save(self, path: Path) -> None:
        """Write them to an .npz file."""
        np.savez(path, allow_pickle=False, users=self.users, is_write=self.is_write, due_s=self.due_s)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as archive:
            return cls(archive["users"], archive["is_write"], archive["due_s"])


def user_id(user: int) -> str:
    """Name a user."""
    return f"user-{user:07}"


def poisson(
    rate: float, seconds: float, seed: int, *, users: int = USERS, write_share: float = WRITE_SHARE
) -> Arrivals:
    """Draw an open loop's calls: the times between them are exponential.

    Args:
        rate: Calls a second, writes included.
        seconds: How long calls arrive.
        seed: One seed gives one run.
        users: Called by Zipf's law; which of them often is drawn too, but not from the seed.
        write_share: Of the calls.
    """
    random = np.random.default_rng(seed)
    count = int(random.poisson(rate * seconds))
    # Given their number, the times of a Poisson process are uniform.
    return _called(np.sort(random.uniform(0.0, seconds, count)), random, users, write_share)


def ordered(calls: int, seed: int, *, users: int = USERS, write_share: float = WRITE_SHARE) -> Arrivals:
    """Draw a closed loop's calls: each is due as soon as there is room for it."""
    return _called(np.zeros(calls), np.random.default_rng(seed), users, write_share)


def _called(due_s: F64, random: np.random.Generator, users: int, write_share: float) -> Arrivals:
    cumulated = np.cumsum(np.arange(1, users + 1, dtype=np.float64) ** -ZIPF_EXPONENT)
    places = np.searchsorted(cumulated, random.uniform(0.0, cumulated[-1], len(due_s)))
    # Who is called often is the same in all runs, and has nothing to do with the order of the users.
    by_place = np.random.default_rng(0).permutation(users).astype(np.int32)
    return Arrivals(by_place[places], random.random(len(due_s)) < write_share, due_s)
