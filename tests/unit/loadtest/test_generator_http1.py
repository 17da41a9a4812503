"""HTTP/1.1: one call at a time on a connection, bodies by length and in chunks, and what waits counts its wait."""

import numpy as np
import pytest
from loadtest.arrivals import Arrivals, ordered
from loadtest.generator.run import Pace, Target, run

from support.scripted_http2 import Peer, Script, scripted

_CALLS = 10
_BODY = b'{"items": ["item-1"]}'
_PACE = Pace(drain_s=1.0)


def _requests(peer: Peer) -> int:
    """Wait for requests and tell how many came at once; 0 at the end."""
    return peer.socket.recv(65_536).count(b"POST /recommend HTTP/1.1\r\n")


def _always(reply: bytes) -> Script:
    def serve(peer: Peer) -> None:
        while came := _requests(peer):
            assert came == 1
            peer.socket.sendall(reply)

    return serve


def _whole(status: str = "200 OK", body: bytes = _BODY) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _outcomes(script: Script, connections: int = 2) -> dict[str, int]:
    arrivals = ordered(_CALLS, 1, users=10, write_share=0.0)
    with scripted(script) as address:
        found: dict[str, int] = run(Target(address, connections, "/recommend"), arrivals, _PACE)["reads"]["outcomes"]
    return found


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (_whole(), "ok"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n" + _BODY + b"\r\n0\r\n\r\n", "ok"),
        (_whole("503 Service Unavailable"), "http_503"),
        (_whole("429 Too Many Requests"), "http_429"),
        (_whole(body=b"{}"), "empty"),
    ],
    ids=["length", "chunks", "unavailable", "too-many", "empty"],
)
def test_an_answer_counts_for_what_it_is(reply: bytes, outcome: str) -> None:
    assert _outcomes(_always(reply)) == {outcome: _CALLS}


def test_an_answer_split_over_reads_is_one() -> None:
    def dribbles(peer: Peer) -> None:
        while _requests(peer):
            for byte in _whole():
                peer.socket.sendall(bytes((byte,)))

    assert _outcomes(dribbles) == {"ok": _CALLS}


def test_nonsense_and_a_close_are_told_apart() -> None:
    assert set(_outcomes(_always(b"what?\r\n\r\n"))) == {"protocol_error"}

    def closes(peer: Peer) -> None:
        _requests(peer)

    assert set(_outcomes(closes)) == {"connection_closed"}


def test_calls_wait_for_a_connection_and_their_wait_counts() -> None:
    gathered: list[int] = []

    def after_the_third_is_due(peer: Peer) -> None:
        while _requests(peer):
            gathered.append(1)
            peer.socket.settimeout(0.2)  # how long one answer takes
            try:
                assert not peer.socket.recv(1), "nothing is sent before the answer"
            except TimeoutError:
                peer.socket.settimeout(None)
                peer.socket.sendall(_whole())

    arrivals = Arrivals(np.zeros(3, np.int32), np.zeros(3, np.bool_), np.zeros(3))
    with scripted(after_the_third_is_due) as address:
        reads = run(Target(address, 1, "/recommend"), arrivals, Pace(drain_s=5.0))["reads"]
    assert reads["outcomes"] == {"ok": 3}
    assert reads["latency_ms"]["max"] >= 600 * 0.95
    assert reads["sent_late_p99_ms"] >= 400 * 0.95
