"""The contract of a front door, over real gRPC, the same for both adapters."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from shortlist.core.errors import OverloadedError, StartError
from shortlist.rpc.channels import open_channel
from shortlist.rpc.front import Call, FrontOptions
from shortlist.rpc.server import FrontKind, open_front
from shortlist.rpc.status import Status, status_of
from support import http2_bytes
from support.front_doors import (
    ECHO,
    FRONT_KINDS,
    OTHER,
    TIMEOUT_S,
    Held,
    calling,
    channel_to,
    echo,
    front_threads,
    on,
    opened,
    wait_until,
)

pytestmark = pytest.mark.parametrize("kind", FRONT_KINDS)


def error_of(future: "grpc.Future[bytes]") -> grpc.Call:
    """Wait for a call to fail."""
    error = future.exception(timeout=TIMEOUT_S)
    assert isinstance(error, grpc.Call)
    return error


def test_a_call_is_answered_with_the_bytes_that_the_sink_responds(kind: FrontKind) -> None:
    with opened(kind, echo) as front, calling(front) as call:
        assert call(b"", timeout=TIMEOUT_S) == b""
        assert call(b"hello", timeout=TIMEOUT_S) == b"hello"


def test_a_call_names_its_method_in_full(kind: FrontKind) -> None:
    held = Held()
    with opened(kind, held) as front, calling(front, OTHER) as call:
        future = call.future(b"")
        arrived = held.next()
        assert (front.name, arrived.method) == (kind, OTHER)
        arrived.respond(b"")
        future.result(TIMEOUT_S)


def test_many_calls_are_answered_out_of_order_from_other_threads(kind: FrontKind) -> None:
    held = Held()
    payloads = [str(number).encode() for number in range(200)]
    with opened(kind, held) as front, calling(front) as call, ThreadPoolExecutor(8) as threads:
        futures = [call.future(payload) for payload in payloads]
        arrived = [held.next() for _ in payloads]
        assert front.in_flight == len(payloads)
        answered = threads.map(lambda late: late.respond(late.payload * 2), reversed(arrived))
        assert all(answered)
        assert [future.result(TIMEOUT_S) for future in futures] == [payload * 2 for payload in payloads]
        assert front.in_flight == 0


def test_a_large_answer_arrives_whole(kind: FrontKind) -> None:
    answer = bytes(range(256)) * 8_000
    held = Held()
    with opened(kind, held) as front, calling(front) as call:
        future = call.future(b"")
        held.next().respond(answer)
        assert future.result(TIMEOUT_S) == answer


def test_a_compressed_request_is_handed_over_plain(kind: FrontKind) -> None:
    with opened(kind, echo) as front, calling(front) as call:
        assert call(b"a" * 10_000, compression=grpc.Compression.Gzip, timeout=TIMEOUT_S) == b"a" * 10_000


def test_the_caller_s_metadata_arrives(kind: FrontKind) -> None:
    held = Held()
    with opened(kind, held) as front, calling(front) as call:
        future = call.future(b"", metadata=(("x-caller", "shop"), ("trace-bin", b"\x00\xff")))
        arrived = held.next()
        arrived.respond(b"")
        future.result(TIMEOUT_S)
        assert ("x-caller", "shop") in arrived.metadata
        assert ("trace-bin", b"\x00\xff") in arrived.metadata


def test_a_failure_carries_code_message_and_trailing_metadata(kind: FrontKind) -> None:
    def refuse(calls: Sequence[Call]) -> None:
        for call in calls:
            call.fail(status_of(OverloadedError("zu viel: größer als 100 %\nspäter", retry_after_s=0.25)))

    with opened(kind, refuse) as front, calling(front) as call:
        error = error_of(call.future(b""))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert error.details() == "zu viel: größer als 100 %\nspäter"
        assert ("retry-after-ms", "250") in list(error.trailing_metadata())


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_status_code_reaches_the_caller(kind: FrontKind, code: grpc.StatusCode) -> None:
    held = Held()
    with opened(kind, held) as front, calling(front) as call:
        future = call.future(b"")
        held.next().fail(Status(code, "why"))
        error = error_of(future)
        assert (error.code(), error.details()) == (code, "why")


def test_the_caller_s_deadline_is_seen_and_cancels_the_call(kind: FrontKind) -> None:
    held = Held()
    with opened(kind, held) as front, calling(front) as call:
        future = call.future(b"", timeout=1.0)
        arrived = held.next()
        assert arrived.deadline is not None
        # From a second on gRPC writes a timeout in units of 10 ms, rounded up (core/lib/transport/timeout_encoding.cc).
        assert 0 < arrived.deadline.remaining_s() <= 1.01
        assert error_of(future).code() is grpc.StatusCode.DEADLINE_EXCEEDED
        wait_until(lambda: arrived.is_cancelled)
        assert front.in_flight == 0


def test_a_call_without_a_deadline_has_none(kind: FrontKind) -> None:
    held = Held()
    with opened(kind, held) as front, calling(front) as call:
        future = call.future(b"")
        arrived = held.next()
        assert arrived.deadline is None
        arrived.respond(b"")
        future.result(TIMEOUT_S)


def test_a_cancelled_call_is_marked_and_can_no_longer_be_answered(kind: FrontKind) -> None:
    held = Held()
    with opened(kind, held) as front, calling(front) as call:
        future = call.future(b"")
        arrived = held.next()
        assert not arrived.is_cancelled
        future.cancel()
        wait_until(lambda: arrived.is_cancelled)
        assert front.in_flight == 0
        assert not arrived.respond(b"too late")
        assert not arrived.fail(Status(grpc.StatusCode.ABORTED, "too late"))


def test_only_the_first_answer_counts(kind: FrontKind) -> None:
    held = Held()
    with opened(kind, held) as front, calling(front) as call:
        future = call.future(b"")
        arrived = held.next()
        assert arrived.respond(b"first")
        assert not arrived.respond(b"second")
        assert not arrived.fail(Status(grpc.StatusCode.ABORTED, "third"))
        assert future.result(TIMEOUT_S) == b"first"
        assert not arrived.is_cancelled


def test_a_message_over_the_limit_is_refused_and_one_at_the_limit_served(kind: FrontKind) -> None:
    with opened(kind, echo, options=FrontOptions(max_message_bytes=1_000)) as front, calling(front) as call:
        assert call(b"a" * 1_000, timeout=TIMEOUT_S) == b"a" * 1_000
        error = error_of(call.future(b"a" * 1_001))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "1001 vs. 1000" in error.details()
        compressed = call.future(b"a" * 1_001, compression=grpc.Compression.Gzip)
        assert error_of(compressed).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_metadata_over_the_limit_is_refused(kind: FrontKind) -> None:
    with opened(kind, echo, options=FrontOptions(max_metadata_bytes=4_096)) as front, calling(front) as call:
        assert call(b"fits", metadata=(("padding", "a" * 3_000),), timeout=TIMEOUT_S) == b"fits"
        error = error_of(call.future(b"", metadata=(("padding", "a" * 5_000),)))
        # The native front door refuses with HTTP status 431, which clients call UNKNOWN.
        assert error.code() in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNKNOWN}
        assert call(b"next", timeout=TIMEOUT_S) == b"next"


def test_calls_over_the_limit_in_flight_are_told_when_to_come_again(kind: FrontKind) -> None:
    held = Held()
    with opened(kind, held, options=FrontOptions(max_calls=2)) as front, calling(front) as call:
        kept = [call.future(b"") for _ in range(2)]
        arrived = [held.next() for _ in kept]
        error = error_of(call.future(b""))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "retry-after-ms" in dict(error.trailing_metadata())
        for waiting in arrived:
            waiting.respond(b"room again")
        assert [future.result(TIMEOUT_S) for future in kept] == [b"room again"] * 2
        again = call.future(b"")
        held.next().respond(b"served")
        assert again.result(TIMEOUT_S) == b"served"


@pytest.mark.parametrize("method", ["/test.EchoService/Missing", "/missing.Service/Echo", "/nonsense"])
def test_an_unknown_method_or_service_is_unimplemented(kind: FrontKind, method: str) -> None:
    with opened(kind, echo) as front, calling(front, method) as call:
        assert error_of(call.future(b"")).code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01 GET / HTTP/1.1\r\n\r\n" * 50,
        http2_bytes.PREFACE,
        http2_bytes.request(ECHO, b"half a message")[:-7],
        http2_bytes.PREFACE + b"\xff" * 500,
    ],
    ids=["garbage", "preface only", "half a frame", "broken frames"],
)
def test_nonsense_on_the_port_does_not_harm_the_next_call(kind: FrontKind, sent: bytes) -> None:
    with opened(kind, echo) as front:
        with http2_bytes.connect(front.port) as connection:
            connection.sendall(sent)
        with calling(front) as call:
            assert call(b"next", timeout=TIMEOUT_S) == b"next"


def test_a_connection_that_is_reset_cancels_its_calls(kind: FrontKind) -> None:
    held = Held()
    with opened(kind, held) as front:
        connection = http2_bytes.connect(front.port)
        connection.sendall(http2_bytes.request(ECHO, b"from a raw socket"))
        arrived = held.next()
        assert arrived.payload == b"from a raw socket"
        http2_bytes.reset(connection)
        wait_until(lambda: arrived.is_cancelled)
        assert not arrived.respond(b"to nobody")
        assert front.in_flight == 0


def test_stop_waits_for_calls_in_flight_and_takes_no_new_ones(kind: FrontKind) -> None:
    held = Held()
    with opened(kind, held) as front, calling(front) as early, calling(front) as late:
        in_flight = [early.future(b"") for _ in range(20)]
        arrived = [held.next() for _ in in_flight]
        stopping = threading.Thread(target=front.stop, args=(TIMEOUT_S,))
        stopping.start()
        wait_until(lambda: error_code_of(late) is grpc.StatusCode.UNAVAILABLE)
        # As long as an answer is, and together shorter than a connection's window (64 KB): gRPC's server closes on
        # updates of a window that it has not read, and TCP then resets what the client has not read either.
        for waiting in arrived:
            assert waiting.respond(b"answered" * 200)
        assert [future.result(TIMEOUT_S) for future in in_flight] == [b"answered" * 200] * 20
        stopping.join(TIMEOUT_S)
        assert not stopping.is_alive()


def error_code_of(call: "grpc.UnaryUnaryMultiCallable[bytes, bytes]") -> grpc.StatusCode | None:
    """Try a call that nobody answers in time."""
    return error_of(call.future(b"", timeout=0.2)).code()


def test_calls_that_outlast_the_grace_end_with_unavailable(kind: FrontKind) -> None:
    held = Held()
    with opened(kind, held) as front, calling(front) as call:
        future = call.future(b"")
        arrived = held.next()
        front.stop(0.05)
        error = error_of(future)
        assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "server is shutting down")
        assert not arrived.respond(b"too late")


def test_a_stop_frees_the_port_and_a_second_one_does_nothing(kind: FrontKind) -> None:
    never_started = open_front(kind, "127.0.0.1:0", (ECHO,))
    address = f"127.0.0.1:{never_started.port}"
    for _ in range(2):
        never_started.stop(0)
    with opened(kind, echo, address=address) as front:
        for _ in range(2):
            front.stop(0)
    with opened(kind, echo, address=address) as front, calling(front) as call:
        assert call(b"again", timeout=TIMEOUT_S) == b"again"


def test_a_sink_that_raises_costs_its_calls_an_internal_error_and_no_more(
    kind: FrontKind, caplog: pytest.LogCaptureFixture
) -> None:
    def sink(calls: Sequence[Call]) -> None:
        if any(call.payload == b"bad" for call in calls):
            raise RuntimeError("a secret of ours")
        echo(calls)

    with opened(kind, sink) as front, calling(front) as call:
        error = error_of(call.future(b"bad"))
        assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "internal error")
        assert "a secret of ours" in caplog.text
        assert call(b"good", timeout=TIMEOUT_S) == b"good"


def test_a_taken_port_is_a_start_error_that_names_it(kind: FrontKind) -> None:
    before = front_threads()
    with opened(kind, echo) as front:
        address = f"127.0.0.1:{front.port}"
        with pytest.raises(StartError, match=address):
            open_front(kind, address, (ECHO,))
    assert front_threads() == before


def test_processes_that_ask_for_it_share_a_port(kind: FrontKind) -> None:
    shared = FrontOptions(reuse_port=True)
    with opened(kind, echo, options=shared) as front:
        second = open_front(kind, f"127.0.0.1:{front.port}", (ECHO,), options=shared)
        assert second.port == front.port
        second.stop(0)


def test_port_0_gives_each_front_door_a_port_of_its_own(kind: FrontKind) -> None:
    first, second = (open_front(kind, "127.0.0.1:0", (ECHO,)) for _ in range(2))
    try:
        assert first.port > 0
        assert second.port > 0
        assert first.port != second.port
    finally:
        first.stop(0)
        second.stop(0)


def test_a_unix_socket_serves_as_well(kind: FrontKind, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/s"
    with opened(kind, echo, address=address), channel_to(address) as channel:
        assert on(channel, ECHO)(b"near", timeout=TIMEOUT_S) == b"near"


def test_our_channels_retry_unavailable_where_that_is_allowed(kind: FrontKind) -> None:
    held = Held()
    with opened(kind, held) as front, open_channel(f"127.0.0.1:{front.port}", retried=(ECHO,)) as channel:
        retried = on(channel, ECHO).future(b"", timeout=TIMEOUT_S)
        held.next().fail(Status(grpc.StatusCode.UNAVAILABLE, "not now"))
        held.next().respond(b"now")
        assert retried.result(TIMEOUT_S) == b"now"
        tried_once = on(channel, OTHER).future(b"", timeout=TIMEOUT_S)
        held.next().fail(Status(grpc.StatusCode.UNAVAILABLE, "not now"))
        assert error_of(tried_once).code() is grpc.StatusCode.UNAVAILABLE
