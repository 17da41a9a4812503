"""What is told of a call once it is answered: counted, timed, traced, and logged where it was slow or failed here."""

import logging
import math
from collections.abc import Collection

from shortlist.core.types import Degraded
from shortlist.gateway.identity import Identity
from shortlist.gateway.jobs import Timings
from shortlist.gateway.slate import Slate
from shortlist.rpc.front import Call
from shortlist.telemetry.gateway import GatewayMetrics
from shortlist.telemetry.request_log import RequestLog, hashed
from shortlist.telemetry.tracing import Tracing


class CallObserver:
    """Observes calls; safe to call from several threads.

    Args:
        metrics: Counts.
        tracing: Makes their spans.
        release: Id of the release that answers.
        slow_s: Calls that take longer are logged; 0: none are.
    """

    def __init__(self, metrics: GatewayMetrics, tracing: Tracing, release: str, slow_s: float) -> None:
        self._metrics, self._tracing, self._release = metrics, tracing, release
        self._slow_s = slow_s or math.inf
        self._log = RequestLog()

    def arrived(self, call: Call) -> Identity:
        """Name a call and begin its span."""
        return Identity(call, self._tracing.request(call.method, call.metadata))

    def slate(self, slate: Slate) -> None:
        """Count what an answer says of itself."""
        for step in slate.degraded:
            self._metrics.degraded.labels(_name(step)).inc()
        if slate.is_cold_start:
            self._metrics.cold_starts.inc()

    def answered(
        self, identity: Identity, code: str, seconds: float, timings: Timings, degraded: Collection[Degraded]
    ) -> None:
        """Tell of a call that was answered with a gRPC status, so many seconds after its arrival."""
        span = identity.span
        self._metrics.requests.labels(identity.method, code).inc()
        exemplar = {"trace_id": span.trace_id} if span.is_sampled else None
        self._metrics.request_seconds.labels(identity.method).observe(seconds, exemplar)
        if span.is_sampled:
            attributes = {
                "rpc.method": identity.method.removeprefix("/"),
                "shortlist.request_id": identity.request_id,
                "shortlist.release": self._release,
                "shortlist.degraded": [_name(step) for step in sorted(degraded)],
            }
            span.end(code, attributes)
        if seconds > self._slow_s:
            self._metrics.slow_requests.inc()
            self._log.write(logging.WARNING, "slow request", self._fields(identity, code, seconds, timings))
        elif code == "INTERNAL":
            self._log.write(logging.ERROR, "failed request", self._fields(identity, code, seconds, timings))

    def _fields(self, identity: Identity, code: str, seconds: float, timings: Timings) -> dict[str, object]:
        return {
            "method": identity.method,
            "request_id": identity.request_id,
            "trace_id": identity.trace_id,
            "release": self._release,
            "caller": identity.caller,
            "user": hashed(identity.user_id) if identity.user_id else "",
            "code": code,
            "total_ms": round(seconds * 1000, 3),
            "stages_ms": {stage: round(took * 1000, 3) for stage, took in timings.stages},
            "batch_size": timings.batch_size,
        }


def _name(step: int) -> str:
    return Degraded(step).name.lower()
