"""Who still answers from which snapshot of the catalogue: a change is applied when nobody answers from an older one."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager


class Readers:
    """Keeps the versions that are being read, without a lock: single operations on a dictionary are one step.

    A version is noted before the snapshot is taken, so that what is read is that version or a newer one.
    """

    def __init__(self) -> None:
        self.version = 0
        """Of the newest snapshot."""
        self._reading: dict[int, int] = {}
        self._tokens = itertools.count()

    @property
    def oldest(self) -> int:
        """The oldest version that is being read; the newest where nobody reads."""
        newest = self.version
        return min(list(self._reading.values()), default=newest)

    def begin(self) -> int:
        """Note that an answer from a snapshot of now or later has begun; give what `end` takes."""
        token = next(self._tokens)
        self._reading[token] = self.version
        return token

    def end(self, token: int) -> None:
        """Note that the answer is out."""
        self._reading.pop(token, None)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read until the end of the `with`."""
        token = self.begin()
        try:
            yield
        finally:
            self.end(token)
