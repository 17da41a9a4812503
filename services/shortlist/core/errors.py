"""The error tree, by cause.

Foreign errors (redis, grpc, faiss, onnxruntime) are translated into these at the boundary where they appear;
`shortlist.rpc.status` says which gRPC status each becomes. Nothing else is raised across packages on purpose.
"""

from pathlib import Path


class ShortlistError(Exception):
    """Everything that Shortlist raises on purpose."""


class InvalidRequestError(ShortlistError):
    """The caller's request is wrong; `field` names the protobuf field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class NotFoundError(ShortlistError):
    """A named thing (an item, a release) does not exist here."""


class OverloadedError(ShortlistError):
    """Admission refused the request; `retry_after_s` says when another try makes sense."""

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class DeadlineExceededError(ShortlistError):
    """The request's deadline has passed; no more work is spent on it."""


class CancelledError(ShortlistError):
    """The caller is gone; no more work is spent on its request."""


class UnavailableError(ShortlistError):
    """A dependency did not answer, or answered nonsense; `dependency` names it for metrics."""

    def __init__(self, dependency: str, reason: str) -> None:
        super().__init__(f"{dependency}: {reason}")
        self.dependency = dependency
        self.reason = reason


class ReleaseRefusedError(ShortlistError):
    """A release on disk is damaged or does not fit; the running one goes on."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class InputError(ShortlistError):
    """A file, column or row that a person gave is wrong; one sentence that names it."""


class StartError(ShortlistError):
    """A server cannot start; one sentence that names the part and what to do."""
