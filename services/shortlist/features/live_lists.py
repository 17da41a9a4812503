"""The lists that are merged from all shards and published in one key: gateways read that, and nothing else of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import redis

from shortlist.core.arrays import AnyArray
from shortlist.core.errors import UnavailableError
from shortlist.features.config import FeatureSettings
from shortlist.features.covisits import CoVisits
from shortlist.features.keys import DERIVED
from shortlist.features.redis_line import Command, Lines, open_pool, without_errors
from shortlist.features.redis_store import DEPENDENCY
from shortlist.features.trending import Trending

LISTS_KEY = f"{DERIVED}lists"
KEPT_S = 86_400
"""Lists that nobody has replaced for a day are gone."""
_DTYPES = {
    "trending_keys": "<u8",
    "trending_scores": "<f4",
    "covisit_keys": "<u8",
    "covisit_counts": "u1",
    "covisit_others": "<u8",
    "covisit_weights": "<f4",
}


@dataclass(frozen=True, slots=True)
class LiveLists:
    """What was published at once; `version` differs from that of every other publication."""

    version: bytes
    trending: Trending
    covisits: CoVisits

    def commands(self) -> Sequence[Command]:
        """Write the commands that publish them; the first does it in one step."""
        arrays: tuple[AnyArray, ...] = (
            self.trending.keys,
            self.trending.scores,
            self.covisits.keys,
            self.covisits.counts,
            self.covisits.others,
            self.covisits.weights,
        )
        fields = zip(_DTYPES.items(), arrays, strict=True)
        told = [part for (name, dtype), array in fields for part in (name, array.astype(dtype).tobytes())]
        return [("HSET", LISTS_KEY, "version", self.version, *told), ("EXPIRE", LISTS_KEY, KEPT_S)]

    @classmethod
    def decode(cls, version: bytes, values: Sequence[bytes]) -> "LiveLists":
        """Read the arrays of a publication; ValueError where they do not fit together."""
        arrays = [np.frombuffer(value, dtype) for value, dtype in zip(values, _DTYPES.values(), strict=True)]
        trending, covisits = Trending(*arrays[:2]), CoVisits(*arrays[2:])
        lengths = (
            (len(trending.keys), len(trending.scores)),
            (len(covisits.keys), len(covisits.counts)),
            (len(covisits.others), len(covisits.weights)),
            (len(covisits.others), int(covisits.counts.sum(dtype=np.int64))),
        )
        if any(one != other for one, other in lengths):
            raise ValueError("the arrays are not as long as each other")
        if not all(np.isfinite(array).all() for array in (trending.scores, covisits.weights)):
            raise ValueError("scores are not finite")
        return cls(version, trending, covisits)


class LiveListStore(Protocol):
    """Reads what was published last."""

    def read(self, known: bytes | None) -> LiveLists | None:
        """Read the lists, unless they are those whose version is known.

        Returns:
            The lists; None where there are none but the known ones.

        Raises:
            UnavailableError: the store did not answer, or what it has are no lists.
            LookupError: none are published.
        """

    def close(self) -> None:
        """Release connections."""


class RedisLiveLists:
    """Implements the port; for one thread."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    @classmethod
    def connect(cls, settings: FeatureSettings) -> Self:
        """Make a store without connecting yet; StartError where the URL is none, or the password cannot be read."""
        timeout_s = settings.events_timeout_s
        return cls(Lines(open_pool(settings, 1, protocol=2, timeout_s=timeout_s), timeout_s))

    def read(self, known: bytes | None) -> LiveLists | None:
        """Read the lists; see the port."""
        version = self._ask("HGET", LISTS_KEY, "version")
        if version is None:
            raise LookupError("no lists are published")
        if version == known:
            return None
        read, *values = self._ask("HMGET", LISTS_KEY, "version", *_DTYPES)
        try:
            return LiveLists.decode(read, values)
        except (TypeError, ValueError) as error:  # a TypeError where a field is missing
            raise UnavailableError(DEPENDENCY, f"{LISTS_KEY} holds no lists: {error}") from error

    def _ask(self, *command: str) -> Any:
        try:
            (answer,) = without_errors(self._lines.line().ask([command]))
        except redis.RedisError as error:
            raise UnavailableError(DEPENDENCY, str(error)) from error
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()
