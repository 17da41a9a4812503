"""A service that runs: where it listens, and how it ends."""

from contextlib import ExitStack
from typing import Self

from shortlist.rpc.front import FrontDoor


class Running:
    """A running service; its constructor starts it, `close` drains and ends it."""

    _front: FrontDoor
    _parts: ExitStack

    @property
    def port(self) -> int:
        """The bound port."""
        return self._front.port

    def close(self) -> None:
        """Stop serving: not ready, no new calls, finish those in flight, end every part."""
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
