import json
import logging

import numpy as np
import pytest

from shortlist.core.types import Degraded
from shortlist.gateway.identity import Identity
from shortlist.gateway.jobs import NOT_RUN, Timings
from shortlist.gateway.observer import CallObserver
from shortlist.gateway.slate import Slate, in_order
from shortlist.release.bundle import Release
from shortlist.telemetry.tracing import NO_TRACING, Attributes, Metadata, NoTracing, NotTraced
from support.pipelines import METHODS, Kitchen, kitchen
from support.played_calls import PlayedCall

(METHOD,) = METHODS
SLOW_S = 0.25
TIMINGS = Timings([("queue", 0.1), ("rank", 0.2000004)], 3)


class EndedSpan(NotTraced):
    """A sampled span that remembers how it ended."""

    trace_id = "ab" * 16
    is_sampled = True

    def __init__(self) -> None:
        self.ends: list[tuple[str, Attributes]] = []

    def end(self, code: str, attributes: Attributes) -> None:
        """Remember."""
        self.ends.append((code, attributes))


class Sampled(NoTracing):
    """Samples every call."""

    def __init__(self) -> None:
        self.span = EndedSpan()

    def request(self, method: str, metadata: Metadata) -> EndedSpan:  # noqa: ARG002  # the port's
        """Give the only span."""
        return self.span


@pytest.fixture
def place(tiny_release: Release) -> Kitchen:
    """Make metrics."""
    return kitchen(tiny_release)


@pytest.fixture
def observer(place: Kitchen) -> CallObserver:
    """Observe without tracing."""
    return CallObserver(place.metrics, NO_TRACING, "tiny", SLOW_S)


def arrived(observer: CallObserver, user_id: str = "ann") -> Identity:
    """Let a call arrive."""
    call = PlayedCall(METHOD, b"")
    call.metadata = (("x-caller", "shop"),)
    identity = observer.arrived(call)
    identity.user_id = user_id
    return identity


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """Read the fields of what was logged."""
    return [record.__dict__["fields"] for record in caplog.records]


def test_an_answer_is_counted_and_timed(observer: CallObserver, place: Kitchen) -> None:
    observer.answered(arrived(observer), "OK", 0.125, NOT_RUN, ())
    assert place.count("requests_total", method=METHOD, code="OK") == 1
    assert place.count("request_seconds_sum", method=METHOD) == 0.125


def test_steps_and_cold_starts_are_counted(observer: CallObserver, place: Kitchen) -> None:
    slate = in_order(np.array([5], np.int32), np.array([1], np.int32), 3, 2)
    fields = {name: getattr(slate, name) for name in Slate.__slots__}
    observer.slate(Slate(**fields | {"degraded": (Degraded.RANKER_UNAVAILABLE,), "is_cold_start": True}))
    assert place.count("degraded_total", reason="ranker_unavailable") == 1
    assert place.count("cold_starts_total") == 1


def test_a_slow_request_is_logged_with_where_its_time_went(
    observer: CallObserver, place: Kitchen, caplog: pytest.LogCaptureFixture
) -> None:
    identity = arrived(observer)
    observer.answered(identity, "OK", 0.3001234, TIMINGS, ())
    (line,) = lines(caplog)
    assert line.pop("user") != ""
    assert line == {
        "method": METHOD,
        "request_id": identity.request_id,
        "trace_id": "",
        "release": "tiny",
        "caller": "shop",
        "code": "OK",
        "total_ms": 300.123,
        "stages_ms": {"queue": 100.0, "rank": 200.0},
        "batch_size": 3,
    }
    assert place.count("slow_requests_total") == 1


def test_no_user_id_is_logged(observer: CallObserver, caplog: pytest.LogCaptureFixture) -> None:
    for user_id in ("ann", "ann", "bo", ""):
        observer.answered(arrived(observer, user_id), "OK", 1.0, TIMINGS, ())
    first, again, other, nobody = (line["user"] for line in lines(caplog))
    assert isinstance(first, str)
    assert len(bytes.fromhex(first)) == 8
    assert first == again != other
    assert nobody == ""
    assert "ann" not in json.dumps(lines(caplog))


def test_a_request_in_time_is_not_logged(
    observer: CallObserver, place: Kitchen, caplog: pytest.LogCaptureFixture
) -> None:
    observer.answered(arrived(observer), "OK", SLOW_S, TIMINGS, ())
    observer.answered(arrived(observer), "UNAVAILABLE", 0.01, NOT_RUN, ())
    assert not caplog.records
    assert place.count("slow_requests_total") == 0


def test_what_failed_here_is_logged_however_fast(observer: CallObserver, caplog: pytest.LogCaptureFixture) -> None:
    identity = arrived(observer)
    observer.answered(identity, "INTERNAL", 0.01, NOT_RUN, ())
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "failed request")
    assert lines(caplog)[0]["request_id"] == identity.request_id


def test_slow_requests_beyond_the_lines_of_a_second_are_still_counted(
    observer: CallObserver, place: Kitchen, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        observer.answered(arrived(observer), "OK", 1.0, TIMINGS, ())
    assert place.count("slow_requests_total") == 100
    assert len(caplog.records) < 100


def test_no_request_is_slow_where_that_is_turned_off(place: Kitchen, caplog: pytest.LogCaptureFixture) -> None:
    observer = CallObserver(place.metrics, NO_TRACING, "tiny", 0.0)
    observer.answered(arrived(observer), "OK", 3600.0, TIMINGS, ())
    assert not caplog.records


def test_a_sampled_call_s_span_says_how_it_went(place: Kitchen) -> None:
    tracing = Sampled()
    observer = CallObserver(place.metrics, tracing, "tiny", 0.0)
    identity = arrived(observer)
    observer.answered(identity, "OK", 0.1, TIMINGS, {Degraded.RANKER_UNAVAILABLE, Degraded.FEWER_CANDIDATES})
    ((code, attributes),) = tracing.span.ends
    assert code == "OK"
    assert attributes == {
        "rpc.method": METHOD.removeprefix("/"),
        "shortlist.request_id": identity.request_id,
        "shortlist.release": "tiny",
        "shortlist.degraded": ["fewer_candidates", "ranker_unavailable"],
    }


def test_the_latency_of_a_sampled_call_carries_its_trace(place: Kitchen) -> None:
    observer = CallObserver(place.metrics, Sampled(), "tiny", 0.0)
    observer.answered(arrived(observer), "OK", 0.1, TIMINGS, ())
    exemplars = [
        sample.exemplar.labels
        for metric in place.registry.collect()
        for sample in metric.samples
        if metric.name == "shortlist_gateway_request_seconds" and sample.exemplar
    ]
    assert exemplars == [{"trace_id": "ab" * 16}]
