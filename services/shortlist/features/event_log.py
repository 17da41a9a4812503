"""Reads back what the streams hold: every recorded event that has not left them yet."""

from collections.abc import Iterator, Sequence
from typing import Self, cast

import redis
from google.protobuf.message import DecodeError

from shortlist.core.errors import UnavailableError
from shortlist.features.config import FeatureSettings
from shortlist.features.keys import SHARDS, stream_key
from shortlist.features.redis_line import Lines, open_pool, without_errors
from shortlist.features.redis_store import DEPENDENCY
from shortlist.v1 import events_pb2

PAGE = 1000
"""Entries in a round trip: Redis does nothing else for about a millisecond."""
_TIMEOUT_S = 5.0


class EventLog:
    """The streams of a store; for one thread."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    @classmethod
    def connect(cls, settings: FeatureSettings) -> Self:
        """Make a reader without connecting yet; StartError where the URL is none, or the password cannot be read."""
        return cls(Lines(open_pool(settings, 1, protocol=2, timeout_s=_TIMEOUT_S), _TIMEOUT_S))

    def pages(self) -> Iterator[Sequence[events_pb2.Event]]:
        """Read shard by shard, each in the order of recording; entries that are no events are passed over.

        Raises:
            UnavailableError: the store did not answer.
        """
        for shard in range(SHARDS):
            after = "-"
            while entries := self._page(stream_key(shard), after):
                after = f"({entries[-1][0].decode()}"
                yield [event for _, fields in entries for event in _events(fields[1])]

    def _page(self, stream: str, after: str) -> Sequence[tuple[bytes, Sequence[bytes]]]:
        try:
            (answer,) = without_errors(self._lines.line().ask([("XRANGE", stream, after, "+", "COUNT", PAGE)]))
        except redis.RedisError as error:
            raise UnavailableError(DEPENDENCY, str(error)) from error
        return cast("Sequence[tuple[bytes, Sequence[bytes]]]", answer)

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()


def _events(entry: bytes) -> Sequence[events_pb2.Event]:
    try:
        return [events_pb2.Event.FromString(entry)]
    except DecodeError:
        return []
