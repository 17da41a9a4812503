"""Calls: reads are gathered in their order, writes stay where they are, and no user is asked for twice."""

from collections.abc import Sequence

import numpy as np
from loadtest.arrivals import Arrivals
from loadtest.generator.calls import calls_of

_ROWS = np.arange(20, dtype=np.uint8).reshape(10, 2)
_ARRIVALS = Arrivals(
    users=np.array([1, 2, 3, 4, 5, 6, 7], np.int32),
    is_write=np.array([False, True, False, False, True, False, False]),
    due_s=np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
)


def _ask(users: Sequence[str]) -> bytes:
    return ",".join(users).encode()


def test_each_arrival_is_a_call_where_a_call_is_for_one_user() -> None:
    calls = calls_of(_ARRIVALS, 1, _ask, _ROWS)
    assert calls.payloads[0] == b"user-0000001"
    assert calls.payloads[1].startswith(b"*3\r\n$3\r\nSET\r\n")
    assert calls.payloads[1].endswith(b"\x04\x05\r\n"), "the row of user 2"
    assert np.array_equal(calls.is_write, _ARRIVALS.is_write)
    assert np.array_equal(calls.due_s, _ARRIVALS.due_s)


def test_reads_are_gathered_and_due_with_the_last_of_them() -> None:
    calls = calls_of(_ARRIVALS, 2, _ask, _ROWS)
    reads = [payload for payload, is_write in zip(calls.payloads, calls.is_write, strict=True) if not is_write]
    assert reads == [b"user-0000001,user-0000003", b"user-0000004,user-0000006"], "the last read has no company"
    assert calls.is_write.tolist() == [True, False, True, False]
    assert calls.due_s.tolist() == [0.2, 0.3, 0.5, 0.6]


def test_too_few_reads_for_a_call_make_none() -> None:
    assert len(calls_of(_ARRIVALS, 9, _ask, _ROWS)) == 2, "the writes"
