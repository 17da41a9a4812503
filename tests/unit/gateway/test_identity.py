import pytest

from shortlist.gateway.identity import Identity
from shortlist.telemetry.tracing import NOT_TRACED, NotTraced
from support.played_calls import PlayedCall

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Traced(NotTraced):
    """The span of a call that is traced."""

    trace_id = "ab" * 16


def identity(*metadata: tuple[str, str | bytes], span: NotTraced = NOT_TRACED) -> Identity:
    """Name a call."""
    call = PlayedCall("/test.Service/Do", b"")
    call.metadata = metadata
    return Identity(call, span)


def test_every_call_has_an_id_of_its_own_of_16_bytes() -> None:
    ids = {identity().request_id for _ in range(3)}
    assert len(ids) == 3
    assert all(len(bytes.fromhex(request_id)) == 16 for request_id in ids)


def test_the_requests_of_a_call_are_counted_behind_its_id() -> None:
    call = identity()
    assert call.request_id_at(0) == call.request_id
    assert call.request_id_at(255) == f"{call.request_id[:-4]}00ff"


@pytest.mark.parametrize(
    ("said", "kept"),
    [("shop", "shop"), ("s" * 100, "s" * 64), ("a\nb\x1b[31m", "ab[31m"), ("", "")],
)
def test_a_caller_s_name_is_cut_and_printable(said: str, kept: str) -> None:
    assert identity(("user-agent", "x"), ("x-caller", said)).caller == kept


def test_a_caller_that_says_no_name_has_none() -> None:
    assert identity().caller == ""


def test_the_trace_is_the_span_s() -> None:
    call = identity(("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"), span=Traced())
    assert call.trace_id == "ab" * 16


def test_where_nothing_is_traced_the_trace_is_the_caller_s() -> None:
    assert identity(("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")).trace_id == TRACE


@pytest.mark.parametrize("header", ["", "00-xyz", f"00-{TRACE}", b"\xff"])
def test_a_header_that_names_no_trace_is_none(header: str | bytes) -> None:
    assert identity(("traceparent", header)).trace_id == ""
