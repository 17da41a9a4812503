"""The calls of a run, each of them bytes before it begins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.arrivals import Arrivals, user_id
from loadtest.generator.redis_writes import set_command
from shortlist.core.arrays import F64, U8, Bool
from shortlist.features.keys import user_key

Ask = Callable[[Sequence[str]], bytes]
"""Writes a call that asks for slates for these users."""


@dataclass(frozen=True, slots=True)
class Calls:
    """n calls in the order of their due times.

    Args:
        payloads: n, as a connection sends them.
        is_write: (n,) whether it goes to Redis.
        due_s: (n,) float64, seconds from the run's start, ascending.
    """

    payloads: Sequence[bytes]
    is_write: Bool
    due_s: F64

    def __len__(self) -> int:
        return len(self.payloads)


def calls_of(arrivals: Arrivals, users_a_call: int, ask: Ask, rows: U8 | None) -> Calls:
    """Write the calls.

    Reads are gathered so many to a call, which is due with the last of them; what is left at the end is not asked for.
    Writes stay apart.

    Args:
        arrivals: One user each.
        users_a_call: Of the reads.
        ask: Writes a read.
        rows: (users, bytes of a row), what is written; None where nothing is.
    """
    reads = np.flatnonzero(~arrivals.is_write)
    gathered = reads[: len(reads) // users_a_call * users_a_call].reshape(-1, users_a_call)
    chosen = np.sort(np.concatenate([gathered[:, -1], np.flatnonzero(arrivals.is_write)]))
    groups = iter(arrivals.users[gathered].tolist())
    payloads = []
    for user, is_write in zip(arrivals.users[chosen].tolist(), arrivals.is_write[chosen].tolist(), strict=True):
        if is_write and rows is not None:
            payloads.append(set_command(user_key(user_id(user)), rows[user].tobytes()))
        else:
            payloads.append(ask([user_id(each) for each in next(groups)]))
    return Calls(payloads, arrivals.is_write[chosen], arrivals.due_s[chosen])
