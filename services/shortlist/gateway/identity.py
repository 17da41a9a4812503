"""Under which names a call goes in answers, logs and traces."""

import os

from shortlist.rpc.front import Call
from shortlist.telemetry.tracing import RequestSpan, caller_s_trace

CALLER = "x-caller"
MAX_CALLER = 64


class Identity:
    """The names of one call.

    Args:
        call: The call.
        span: Its span.
    """

    __slots__ = ("_call", "request_id", "span", "user_id")

    def __init__(self, call: Call, span: RequestSpan) -> None:
        self._call, self.span = call, span
        self.request_id = f"{os.urandom(14).hex()}0000"
        self.user_id = ""
        """Known once the request is read, where it is about one user."""

    def request_id_at(self, place: int) -> str:
        """Name one request of a RecommendBatch: the last four digits count them, from 0."""
        return f"{self.request_id[:-4]}{place:04x}"

    @property
    def method(self) -> str:
        """The full name of the method."""
        return self._call.method

    @property
    def trace_id(self) -> str:
        """The trace: ours, else the caller's, else empty."""
        return self.span.trace_id or caller_s_trace(self._call.metadata)[0]

    @property
    def caller(self) -> str:
        """Who calls, as it says itself: at most 64 characters, all printable; empty where it does not say."""
        for key, value in self._call.metadata:
            if key == CALLER and isinstance(value, str):
                return "".join(filter(str.isprintable, value[:MAX_CALLER]))
        return ""
