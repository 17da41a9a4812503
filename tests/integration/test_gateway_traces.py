"""Traces of a gateway: over OTLP to a receiver, from the caller's trace and on to Triton."""

import http.client
import logging
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import grpc
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from shortlist.release.bundle import Release
from shortlist.v1 import recommender_pb2
from support.gateways import TIMEOUT_S, Reached, degraded_steps, serving
from support.misbehaving import FakeTriton
from support.running_cluster import wait_until
from support.tiny_release import SOURCES
from support.trace_receivers import TraceReceiver, attributes_of

SPAN = "shortlist.v1.RecommenderService/Recommend"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-01"),)
NOT_SAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-00"),)
UNREACHABLE = "127.0.0.1:9"


class HearingTriton(FakeTriton):
    """A Triton that remembers what came along with each ModelInfer."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []
        super().__init__()

    def ModelInfer(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # the protocol's
        """Remember, and score."""
        self.heard.append({key: value for key, value in context.invocation_metadata() if isinstance(value, str)})
        return super().ModelInfer(request, context)


@pytest.fixture(scope="module")
def triton() -> Iterator[HearingTriton]:
    """Run a Triton that hears."""
    with HearingTriton() as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[TraceReceiver]:
    """Receive traces."""
    with TraceReceiver() as server:
        yield server


@pytest.fixture
def traced(tiny_release: Release, triton: HearingTriton, receiver: TraceReceiver) -> Iterator[Reached]:
    """Run a gateway that traces what its callers ask it to, and nothing of its own accord."""
    triton.heard.clear()
    with serving(tiny_release, triton=triton.address, trace_endpoint=receiver.address, trace_share=0.0) as reached:
        triton.heard.clear()
        yield reached


def recommend(
    gateway: Reached, metadata: tuple[tuple[str, str], ...] = (), **fields: Any
) -> recommender_pb2.RecommendResponse:
    """Ask for a slate of somebody whose session is known, so that it is ranked."""
    request = recommender_pb2.RecommendRequest(user_id="user-00", session_item_ids=["item-003"], **fields)
    return gateway.call(request, timeout=TIMEOUT_S, metadata=metadata)


def test_one_call_is_one_span_in_its_caller_s_trace_with_its_stages_and_triton_s_parent_inside(
    traced: Reached, triton: HearingTriton, receiver: TraceReceiver
) -> None:
    answer = recommend(traced, SAMPLED)

    (call,) = receiver.spans(SPAN)
    (batch,) = receiver.spans("batch")
    assert {call.trace_id.hex(), batch.trace_id.hex()} == {TRACE}
    assert call.parent_span_id.hex() == PARENT
    assert attributes_of(call) == {
        "rpc.system.name": "grpc",
        "rpc.method": SPAN,
        "rpc.response.status_code": "OK",
        "shortlist.request_id": answer.request_id,
        "shortlist.release": "tiny",
        "shortlist.degraded": [step.lower() for step in degraded_steps(answer)],
    }
    assert [link.span_id for link in call.links] == [batch.span_id]
    assert [link.span_id for link in batch.links] == [call.span_id]
    for stage in ("features", "encode", *SOURCES, "merge", "tensors", "rank", "slate"):
        (span,) = receiver.spans(stage)
        assert span.parent_span_id == batch.span_id
        assert batch.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= batch.end_time_unix_nano
    (queue,) = receiver.spans("queue")
    assert queue.parent_span_id == call.span_id
    (heard,) = triton.heard
    assert heard["traceparent"] == f"00-{TRACE}-{batch.span_id.hex()}-01"


def test_what_the_caller_does_not_sample_goes_nowhere(
    traced: Reached, triton: HearingTriton, receiver: TraceReceiver
) -> None:
    recommend(traced, NOT_SAMPLED)
    recommend(traced)
    assert [heard.get("traceparent") for heard in triton.heard] == [None, None]

    recommend(traced, SAMPLED)
    assert len(receiver.spans(SPAN)) == 1


def test_calls_that_share_a_batch_are_linked_with_it(
    traced: Reached, triton: HearingTriton, receiver: TraceReceiver
) -> None:
    request = recommender_pb2.RecommendRequest(user_id="user-00", session_item_ids=["item-003"])

    def begin_call() -> Any:
        return traced.call.future(request, timeout=TIMEOUT_S, metadata=SAMPLED)

    def has_heard(batches: int) -> bool:
        return len(triton.heard) == batches

    triton.hold()
    try:
        calls = []
        for busy in range(1, 4):
            calls.append(begin_call())
            wait_until(partial(has_heard, busy), "one more worker waits for Triton")
        calls += [begin_call() for _ in range(9)]
        wait_until(lambda: traced.count("shortlist_gateway_waiting_requests") == 9, "calls wait")
    finally:
        triton.let_go()
    for call in calls:
        call.result()

    spans = receiver.spans(SPAN, len(calls))
    batches = receiver.spans("batch", 4)
    assert sorted(len(batch.links) for batch in batches) == [1, 1, 1, 9]
    linked = {(batch.span_id, link.span_id) for batch in batches for link in batch.links}
    assert linked == {(link.span_id, span.span_id) for span in spans for link in span.links}
    assert len(linked) == len(calls)


def test_a_sampled_call_s_latency_has_an_exemplar_in_the_open_metrics_format(traced: Reached) -> None:
    recommend(traced, SAMPLED)
    connection = http.client.HTTPConnection("127.0.0.1", traced.metrics_port, timeout=TIMEOUT_S)
    with closing(connection):
        connection.request("GET", "/metrics", headers={"Accept": "application/openmetrics-text"})
        families = list(text_string_to_metric_families(connection.getresponse().read().decode()))

    exemplars = [
        (sample.labels["method"], sample.exemplar.labels)
        for family in families
        if family.name == "shortlist_gateway_request_seconds"
        for sample in family.samples
        if sample.exemplar
    ]
    assert exemplars == [(f"/{SPAN}", {"trace_id": TRACE})]


def test_a_receiver_that_is_not_there_costs_spans_and_is_told_once(
    tiny_release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with serving(tiny_release, trace_endpoint=UNREACHABLE, trace_share=1.0) as gateway:
        for _ in range(20):
            recommend(gateway)
        wait_until(lambda: gateway.count("shortlist_gateway_lost_spans_total") > 0, "spans are lost")
        recommend(gateway)
        assert gateway.count("shortlist_gateway_requests_total", code="OK") == 21

    told = [record for record in caplog.records if record.name.startswith(("opentelemetry", "shortlist.telemetry"))]
    assert [record.getMessage().split(":")[0] for record in told] == ["traces are lost"]
