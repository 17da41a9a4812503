"""Events into Redis or Valkey: a function there folds them into rows and logs them, one round trip for all of them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import redis

from shortlist.core.errors import UnavailableError
from shortlist.features.config import FeatureSettings
from shortlist.features.events import Recorded, UserEvent
from shortlist.features.keys import aside_key, event_ids_key, shard_of, stream_key, user_key
from shortlist.features.redis_line import Command, Lines, open_pool
from shortlist.features.redis_store import DEPENDENCY
from shortlist.features.server_function import ServerLibrary
from shortlist.resilience.breaker import Breaker

_LIBRARY = ServerLibrary(Path(__file__).with_name("fold.lua").read_text())
FUNCTION = _LIBRARY.name
IDS = 128
"""A user's newest ids that are known again, at least."""
_MOST_A_COMMAND = 32
"""While one runs Redis does nothing else: up to a millisecond, where the row is full."""
_BAD, _DUPLICATE = b"1"[0], b"1"[0]


class RedisEventStore:
    """Implements the port.

    Events may be sent again after any failure: those that were recorded are told by their ids.

    Args:
        pool: Makes connections.
        timeout_s: The longest wait for a connection to open, in seconds.
        stream_length: Events that each shard's stream keeps, about; the oldest leave.
        breaker: Keeps a Redis that hangs from costing every batch the timeout. Not that of the reads: a Redis that is
            full still answers those.
        on_bad_row: Called for every row, or list of its ids, that could not be decoded and is begun anew.
    """

    def __init__(
        self,
        pool: Any,
        timeout_s: float,
        stream_length: int,
        breaker: Breaker | None = None,
        on_bad_row: Callable[[], None] = lambda: None,
    ) -> None:
        self._lines = Lines(pool, timeout_s)
        self._stream_length = stream_length
        self._breaker = breaker or Breaker()
        self._on_bad_row = on_bad_row

    @classmethod
    def connect(cls, settings: FeatureSettings, on_bad_row: Callable[[], None] = lambda: None) -> Self:
        """Make a store without connecting yet; StartError where the URL is none, or the password cannot be read."""
        timeout_s = settings.events_timeout_s
        pool = open_pool(settings, 1, timeout_s=timeout_s)
        return cls(pool, timeout_s, settings.stream_length, on_bad_row=on_bad_row)

    def record(self, events: Sequence[UserEvent]) -> list[Recorded | UnavailableError]:
        """Record events; see the port."""
        places: defaultdict[str, list[int]] = defaultdict(list)
        for place, event in enumerate(events):
            places[event.user_id].append(place)
        parts = [
            own[start : start + _MOST_A_COMMAND]
            for own in places.values()
            for start in range(0, len(own), _MOST_A_COMMAND)
        ]
        commands = [
            self._command([events[place] for place in part], len(places[events[part[0]].user_id])) for part in parts
        ]
        outcomes: dict[int, Recorded | UnavailableError] = {}
        for part, answer in zip(parts, self._answers(commands), strict=True):
            outcomes.update(zip(part, self._outcomes(answer, len(part)), strict=True))
        return [outcomes[place] for place in range(len(events))]

    def _command(self, events: Sequence[UserEvent], of_user: int) -> Command:
        """Write the command for events of one user, of whom so many come in this round trip."""
        user_id = events[0].user_id
        keys = (user_key(user_id), event_ids_key(user_id), stream_key(shard_of(user_id)), aside_key(user_id))
        told = [part for event in events for part in (event.packed(), event.logged)]
        # The ids of all of them are kept, so that the round trip may be repeated.
        return ("FCALL", FUNCTION, len(keys), *keys, self._stream_length, max(IDS, of_user), *told)

    def _answers(self, commands: Sequence[Command]) -> Sequence[bytes | redis.RedisError]:
        if not self._breaker.allows():
            return [redis.RedisError("failed too often; it is asked again in a moment")] * len(commands)
        try:
            answers = _LIBRARY.ask(self._lines.line(), commands)
        except redis.RedisError as error:
            self._breaker.failed()
            return [error] * len(commands)
        self._breaker.succeeded()
        return answers

    def _outcomes(self, answer: bytes | redis.RedisError, count: int) -> Sequence[Recorded | UnavailableError]:
        if isinstance(answer, redis.RedisError):
            return [UnavailableError(DEPENDENCY, str(answer))] * count
        if answer[0] == _BAD:
            self._on_bad_row()
        version = int.from_bytes(answer[1:9], "little")
        return [Recorded(version, is_duplicate=outcome == _DUPLICATE) for outcome in answer[9:]]

    def close(self) -> None:
        """Close every connection."""
        self._lines.close()
