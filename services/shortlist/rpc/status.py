"""The one table from the error tree to gRPC status, for both front doors and for batch results."""

from dataclasses import dataclass

import grpc

from shortlist.core.errors import (
    CancelledError,
    DeadlineExceededError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    UnavailableError,
)

RETRY_AFTER_KEY = "retry-after-ms"

_CODES: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
    (NotFoundError, grpc.StatusCode.NOT_FOUND),
    (OverloadedError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (DeadlineExceededError, grpc.StatusCode.DEADLINE_EXCEEDED),
    (CancelledError, grpc.StatusCode.CANCELLED),
    (UnavailableError, grpc.StatusCode.UNAVAILABLE),
)


@dataclass(frozen=True, slots=True)
class Status:
    """A gRPC status: code, message for people, trailing metadata."""

    code: grpc.StatusCode
    message: str
    trailing: tuple[tuple[str, str], ...] = ()

    @property
    def number(self) -> int:
        """The code as google.rpc.Code's number."""
        number: int = self.code.value[0]
        return number


def status_of(error: Exception) -> Status:
    """Translate an error; what the table lacks is INTERNAL and does not leak its text."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            trailing: tuple[tuple[str, str], ...] = ()
            if isinstance(error, OverloadedError):
                trailing = ((RETRY_AFTER_KEY, str(max(1, round(error.retry_after_s * 1000)))),)
            return Status(code, str(error), trailing)
    return Status(grpc.StatusCode.INTERNAL, "internal error")
