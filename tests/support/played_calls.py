"""Calls without a wire: they remember how they were answered."""

from google.protobuf.message import Message

from shortlist.resilience.deadline import Deadline
from shortlist.rpc.status import Status


class PlayedCall:
    """A call of a method with a message; the first answer wins, and a cancelled call takes none."""

    def __init__(self, method: str, message: Message | bytes, deadline: Deadline | None = None) -> None:
        self.method = method
        self.payload = message if isinstance(message, bytes) else message.SerializeToString()
        self.deadline = deadline
        self.metadata: tuple[tuple[str, str | bytes], ...] = ()
        self.is_cancelled = False
        self.answers: list[bytes | Status] = []

    def respond(self, payload: bytes) -> bool:
        """Take a message."""
        return self._take(payload)

    def fail(self, status: Status) -> bool:
        """Take a status."""
        return self._take(status)

    def _take(self, answer: bytes | Status) -> bool:
        if self.answers or self.is_cancelled:
            return False
        self.answers.append(answer)
        return True

    @property
    def answer(self) -> bytes:
        """The message that it was answered with."""
        (only,) = self.answers
        assert isinstance(only, bytes), only
        return only

    @property
    def status(self) -> Status:
        """The status that it was failed with."""
        (only,) = self.answers
        assert isinstance(only, Status), only
        return only
