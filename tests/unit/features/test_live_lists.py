from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import redis

from shortlist.core.errors import UnavailableError
from shortlist.features.covisits import CoVisits
from shortlist.features.live_lists import LiveLists, RedisLiveLists
from shortlist.features.trending import Trending

LISTS = LiveLists(
    b"one",
    Trending(np.array([7, 8], np.uint64), np.array([0.5, 0.25], np.float32)),
    CoVisits(
        np.array([7, 9], np.uint64),
        np.array([2, 1], np.uint8),
        np.array([8, 9, 7], np.uint64),
        np.array([0.5, 0.25, 0.125], np.float32),
    ),
)


def published(lists: LiveLists) -> dict[bytes, bytes]:
    """Read the hash that its commands write."""
    (_, _, *told), _ = lists.commands()
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in told]
    return dict(zip(parts[::2], parts[1::2], strict=True))


class PlayedLines:
    """Answers from a hash, or fails."""

    def __init__(self, fields: dict[bytes, bytes], error: Exception | None = None) -> None:
        self.fields, self.error = fields, error
        self.asked: list[str] = []

    def line(self) -> "PlayedLines":
        return self

    def ask(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        if self.error is not None and not isinstance(self.error, redis.ResponseError):
            raise self.error
        ((name, _, *fields),) = commands
        self.asked.append(name)
        values = [self.fields.get(str(field).encode()) for field in fields]
        return [self.error or (values[0] if name == "HGET" else values)]

    def close(self) -> None:
        """Do nothing."""


def reading(fields: dict[bytes, bytes], error: Exception | None = None) -> tuple[RedisLiveLists, PlayedLines]:
    """Make a store over a played connection."""
    lines: Any = PlayedLines(fields, error)
    return RedisLiveLists(lines), lines


def test_lists_are_read_as_they_were_published() -> None:
    store, _ = reading(published(LISTS))
    read = store.read(None)
    assert read is not None
    assert read.version == b"one"
    for part in ("trending", "covisits"):
        for name in type(getattr(LISTS, part)).__slots__:
            np.testing.assert_array_equal(getattr(getattr(read, part), name), getattr(getattr(LISTS, part), name))


def test_lists_that_are_known_are_not_read_again() -> None:
    store, lines = reading(published(LISTS))
    assert store.read(b"one") is None
    assert lines.asked == ["HGET"]


def test_where_nothing_is_published_it_says_so() -> None:
    store, _ = reading({})
    with pytest.raises(LookupError):
        store.read(b"one")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"trending_scores", b"\0" * 4),
        (b"trending_scores", np.array([np.nan, 1.0], np.float32).tobytes()),
        (b"trending_keys", b"\0" * 9),
        (b"covisit_counts", b"\2\2"),
        (b"covisit_weights", b""),
        (b"covisit_keys", None),
    ],
)
def test_what_are_no_lists_is_refused_in_a_sentence(field: bytes, value: bytes | None) -> None:
    fields = published(LISTS)
    del fields[field]
    if value is not None:
        fields[field] = value
    store, _ = reading(fields)
    with pytest.raises(UnavailableError, match="dv:lists holds no lists"):
        store.read(None)


@pytest.mark.parametrize("error", [redis.ConnectionError("gone"), redis.ResponseError("no permission")])
def test_a_store_that_does_not_answer_is_unavailable(error: Exception) -> None:
    store, _ = reading({}, error)
    with pytest.raises(UnavailableError):
        store.read(None)
