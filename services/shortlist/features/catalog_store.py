"""The live catalogue in Redis or Valkey: one hash of records, one stream of what changed, leases in a sorted set."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import redis

from shortlist.core.errors import OverloadedError, UnavailableError
from shortlist.features.catalog import GONE, LEASE_S, Logged, Position, Records, Standing
from shortlist.features.config import FeatureSettings
from shortlist.features.redis_line import Command, Lines, open_pool, without_errors
from shortlist.features.redis_store import DEPENDENCY
from shortlist.features.server_function import ServerLibrary

_LIBRARY = ServerLibrary(Path(__file__).with_name("catalog.lua").read_text())
PREFIX = "cat:"
"""Of every key of the catalogue."""
META, ITEMS, LOG, LEASES, APPLIED = (f"{PREFIX}{{c}}:{part}" for part in ("meta", "items", "log", "leases", "applied"))
_FULL = "FULL "
_FULL_RETRY_S = 60.0
_LOG_LENGTH = 8_192
"""Changes that the log keeps, about; whoever is further behind reads all records again."""
_PAGE = 1_000
_MOST_LOGGED = 512
"""Changes that are read at once."""
_LEASE_US = round(LEASE_S * 1e6)
_FOLLOWING = 3
"""Threads that one after the other follow: the one that starts, its own, and the one that stops."""
_SLACK_S = 0.5
"""An answer may come so much later than the wait for a change ends."""


def _call(function: str, keys: Sequence[str], *args: str | bytes | int) -> Command:
    return ("FCALL", f"{_LIBRARY.name}_{function}", len(keys), *keys, *args)


class _Asking:
    """Asks on the calling thread's connection."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def _ask(self, commands: Sequence[Command]) -> list[Any]:
        """Ask; UnavailableError where some were not answered. Each answer may be an error of the server's."""
        try:
            return _LIBRARY.ask(self._lines.line(), commands)
        except redis.RedisError as error:
            raise UnavailableError(DEPENDENCY, str(error)) from error

    def _one(self, *command: str | bytes | int) -> Any:
        (answer,) = self._whole([command])
        return answer

    def _whole(self, commands: Sequence[Command]) -> Sequence[Any]:
        """Ask; UnavailableError also where an answer is an error."""
        try:
            return without_errors(self._ask(commands))
        except redis.ResponseError as error:
            raise UnavailableError(DEPENDENCY, str(error)) from error

    def _read(self, item_ids: Sequence[str]) -> tuple[Sequence[bytes | None], int]:
        # The number first: what changes in between is newer than it says, never older.
        sequence, records = self._whole([("HGET", META, "sequence"), ("HMGET", ITEMS, *item_ids)])
        return records, int(sequence or 0)

    def close(self) -> None:
        """Close every connection."""
        self._lines.close()


class RedisCatalogStore(_Asking):
    """Implements the port.

    Args:
        lines: Connections.
        most_items: The most that the catalogue holds.
    """

    def __init__(self, lines: Lines, most_items: int) -> None:
        super().__init__(lines)
        self._most_items = most_items

    @classmethod
    def connect(cls, settings: FeatureSettings, connections: int) -> Self:
        """Make a store without connecting yet; StartError where the URL is none, or the password cannot be read."""
        timeout_s = settings.events_timeout_s
        pool = open_pool(settings, connections, protocol=2, timeout_s=timeout_s)
        return cls(Lines(pool, timeout_s), settings.catalogue_items)

    def change(self, changes: Sequence[Records]) -> list[Position | UnavailableError | OverloadedError]:
        """Make changes; see the port."""
        commands = [
            _call(
                "change",
                (META, ITEMS, LOG),
                self._most_items,
                _LOG_LENGTH,
                *(part for pair in records.items() for part in pair),
            )
            for records in changes
        ]
        try:
            answers = self._ask(commands)
        except UnavailableError as error:
            return [error] * len(changes)
        return [_changed(answer) for answer in answers]

    def standing(self) -> Standing:
        """Tell who has applied how much; see the port."""
        epoch, is_young, applied = self._one(*_call("standing", (META, LEASES, APPLIED), _LEASE_US))
        return Standing(epoch, bool(is_young), applied)

    def read(self, item_ids: Sequence[str]) -> tuple[Sequence[bytes | None], int]:
        """Read records; see the port."""
        return self._read(item_ids)


class RedisCatalogLog(_Asking):
    """Implements the port."""

    @classmethod
    def connect(cls, settings: FeatureSettings, wait_s: float) -> Self:
        """Follow the catalogue, waiting so long for a change, without connecting yet; StartError as for a store."""
        timeout_s = settings.events_timeout_s + wait_s + _SLACK_S
        return cls(Lines(open_pool(settings, _FOLLOWING, protocol=2, timeout_s=timeout_s), settings.events_timeout_s))

    def position(self) -> Position:
        """Tell where the catalogue stands; see the port."""
        epoch, sequence = self._one(*_call("position", (META,)))
        return Position(epoch, sequence)

    def wait(self, sequence: int, timeout_s: float) -> Logged:
        """Wait for changes; see the port."""
        behind = f"{sequence}-0"
        block_ms = max(1, round(timeout_s * 1e3))
        answer = self._one("XREAD", "COUNT", _MOST_LOGGED, "BLOCK", block_ms, "STREAMS", LOG, behind)
        entries = answer[0][1] if answer else []
        if not entries:
            return Logged(sequence, (), is_whole=True)
        numbers = [int(number.partition(b"-")[0]) for number, _ in entries]
        item_ids = dict.fromkeys(item_id.decode() for _, fields in entries for item_id in fields[1::2])
        return Logged(numbers[-1], tuple(item_ids), is_whole=numbers[0] == sequence + 1)

    def read(self, item_ids: Sequence[str]) -> Records:
        """Read records; see the port."""
        found, _ = self._read(item_ids)
        return {item_id: record or GONE for item_id, record in zip(item_ids, found, strict=True)}

    def pages(self) -> Iterable[Records]:
        """Read all records; see the port."""
        cursor = b"0"
        while True:
            cursor, listed = self._one("HSCAN", ITEMS, cursor, "COUNT", _PAGE)
            yield {item_id.decode(): record for item_id, record in zip(listed[::2], listed[1::2], strict=True)}
            if int(cursor) == 0:
                return

    def renew(self, server: str, applied: Position) -> tuple[Position, bool]:
        """Renew a lease; see the port."""
        call = _call("renew", (META, LEASES, APPLIED), server, applied.epoch, applied.sequence, _LEASE_US)
        epoch, sequence, had = self._one(*call)
        return Position(epoch, sequence), bool(had)

    def leave(self, server: str) -> None:
        """Give a lease back; see the port."""
        self._one(*_call("leave", (META, LEASES, APPLIED), server))


def _changed(answer: Any) -> Position | UnavailableError | OverloadedError:
    if isinstance(answer, redis.RedisError):
        text = str(answer)
        if text.startswith(_FULL):
            return OverloadedError(f"catalogue: {text.removeprefix(_FULL)}", _FULL_RETRY_S)
        return UnavailableError(DEPENDENCY, text)
    epoch, sequence = answer
    return Position(epoch, sequence)
