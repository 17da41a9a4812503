"""Whole runs against servers that behave, stall, refuse, leave and die."""

import socket
import struct
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loadtest.arrivals import Arrivals, ordered, poisson
from loadtest.generator import frames
from loadtest.generator.run import Pace, Target, run

from shortlist.core.errors import InputError
from shortlist.v1 import recommender_pb2
from support.scripted_http2 import SLATE, Peer, Script, answer, goaway, reset, scripted

_CALLS = 40
_PACE = Pace(drain_s=1.0)
_STALL_S = 0.3


def _answer_all(peer: Peer) -> None:
    for stream in peer.calls():
        peer.socket.sendall(answer(stream))


def _at_once(calls: int = _CALLS) -> Arrivals:
    return ordered(calls, 1, users=100, write_share=0.0)


def _outcomes(script: Script, connections: int = 1, calls: int = _CALLS, pace: Pace = _PACE) -> dict[str, int]:
    with scripted(script) as address:
        found: dict[str, int] = run(Target(address, connections), _at_once(calls), pace)["reads"]["outcomes"]
    assert sum(found.values()) == calls, "each call has one outcome"
    return found


def test_answers_are_counted_as_ok_over_many_connections() -> None:
    assert _outcomes(_answer_all, connections=8) == {"ok": _CALLS}


def test_a_planted_stall_shows_in_p99_of_an_open_loop() -> None:
    def stalls_once(peer: Peer) -> None:
        for count, stream in enumerate(peer.calls()):
            if count == 50:
                threading.Event().wait(_STALL_S)  # the stall itself
            peer.socket.sendall(answer(stream))

    arrivals = poisson(200.0, 1.5, 1, users=100, write_share=0.0)
    with scripted(stalls_once) as address:
        reads = run(Target(address, 1), arrivals, _PACE)["reads"]
    assert reads["outcomes"] == {"ok": len(arrivals)}
    assert reads["latency_ms"]["p99"] > 0.8 * _STALL_S * 1e3
    assert reads["latency_ms"]["p50"] < 0.5 * _STALL_S * 1e3, "calls before and after it are not slow"


def test_nothing_counts_as_success_where_everything_is_refused() -> None:
    def refuses(peer: Peer) -> None:
        for stream in peer.calls():
            peer.socket.sendall(answer(stream, status="8"))

    with scripted(refuses) as address:
        reads = run(Target(address, 2), _at_once(), _PACE)["reads"]
    assert reads["outcomes"] == {"RESOURCE_EXHAUSTED": _CALLS}
    assert reads["answered_per_s"] == 0
    assert reads["latency_ms"]["p50"] is None


def test_a_status_that_there_is_not_or_that_is_left_out_is_no_success() -> None:
    def strange(peer: Peer) -> None:
        for count, stream in enumerate(peer.calls()):
            whole = answer(stream, status="99" if count % 2 else "00x")
            peer.socket.sendall(whole)

    assert _outcomes(strange) == {"no_status": _CALLS}


def test_frames_split_over_reads_make_whole_answers() -> None:
    def dribbles(peer: Peer) -> None:
        for stream in peer.calls():
            for byte in answer(stream):
                peer.socket.sendall(bytes((byte,)))

    assert _outcomes(dribbles, calls=3) == {"ok": 3}


def test_resets_of_streams_stand_under_their_codes() -> None:
    def resets(peer: Peer) -> None:
        for count, stream in enumerate(peer.calls()):
            peer.socket.sendall(answer(stream) if count % 2 else reset(stream, 7))

    assert _outcomes(resets) == {"ok": _CALLS // 2, "rst_stream_7": _CALLS // 2}


def test_calls_behind_a_goaway_are_named_so_and_new_ones_go_over_a_new_connection() -> None:
    def leaves(peer: Peer) -> None:
        streams = []
        for stream in peer.calls():
            streams.append(stream)
            if len(streams) == 4:
                peer.socket.sendall(goaway(streams[1]) + answer(streams[0]) + answer(streams[1]))

    arrivals = Arrivals(np.zeros(8, np.int32), np.zeros(8, np.bool_), np.array([0.0] * 4 + [0.3] * 4))
    with scripted(leaves) as address:
        result = run(Target(address, 1), arrivals, _PACE)
    assert result["reads"]["outcomes"] == {"ok": 4, "goaway": 4}
    assert result["connections_opened"] == 2, "what goes away is replaced"


def test_calls_of_a_server_that_dies_in_the_middle_are_counted_under_their_own_name() -> None:
    def dies(peer: Peer) -> None:
        for count, stream in enumerate(peer.calls()):
            if count == 10:
                return
            peer.socket.sendall(answer(stream))

    found = _outcomes(dies, calls=11)
    # What the server had not read when it died resets the connection, and answers on their way are lost with it.
    assert set(found) - {"ok"} in ({"connection_closed"}, {"connection_reset"})
    assert sum(found.values()) == 11
    assert found.get("ok", 0) <= 10


def test_a_half_closed_connection_is_a_closed_one() -> None:
    def half_closes(peer: Peer) -> None:
        for _ in peer.calls():
            peer.socket.shutdown(socket.SHUT_WR)

    assert _outcomes(half_closes, calls=1) == {"connection_closed": 1}


def test_a_reset_connection_is_told_from_a_closed_one() -> None:
    def breaks(peer: Peer) -> None:
        for _ in peer.calls():
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return

    assert _outcomes(breaks, calls=1) == {"connection_reset": 1}


def test_nonsense_is_a_protocol_error() -> None:
    def nonsense(peer: Peer) -> None:
        for stream in peer.calls():
            peer.socket.sendall(frames.frame(frames.HEADERS, frames.END_HEADERS, stream, b"\xff\xff\xff"))

    assert _outcomes(nonsense, calls=1) == {"protocol_error": 1}


def test_a_server_that_never_answers_leaves_calls_unanswered() -> None:
    def silent(peer: Peer) -> None:
        for _ in peer.calls():
            pass

    assert _outcomes(silent, pace=replace(_PACE, drain_s=0.2)) == {"unanswered": _CALLS}


def test_calls_to_nobody_are_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = run(Target(f"127.0.0.1:{port}", 2), _at_once(), replace(_PACE, drain_s=0.3))["reads"]
    assert found["answered_per_s"] == 0
    assert found["outcomes"] == {"connection_refused": _CALLS}


def test_pings_and_settings_are_acknowledged_and_the_limit_of_streams_is_kept() -> None:
    most: list[int] = []
    seen: list[frames.Frame] = []

    def strict(peer: Peer) -> None:
        peer.socket.sendall(frames.frame(frames.PING, 0, 0, b"12345678") + frames.settings({3: 2}))
        waiting: list[int] = []
        for stream in peer.calls():
            waiting.append(stream)
            acknowledged = [frame.kind for frame in peer.seen if frame.flags & frames.ACK]
            if acknowledged.count(frames.SETTINGS) == 2:
                most.append(len(waiting))
                seen.extend(peer.seen)
            for open_stream in waiting:
                peer.socket.sendall(answer(open_stream))
            waiting.clear()

    arrivals = poisson(100.0, 0.5, 1, users=100, write_share=0.0)
    with scripted(strict) as address:
        reads = run(Target(address, 1), arrivals, _PACE)["reads"]
    assert reads["outcomes"] == {"ok": len(arrivals)}
    assert max(most) <= 2
    assert any(frame.kind == frames.PING and frame.payload == b"12345678" for frame in seen)


def test_a_closed_loop_keeps_so_many_in_flight() -> None:
    held: list[int] = []

    def by_fours(peer: Peer) -> None:
        waiting = []
        for stream in peer.calls():
            waiting.append(stream)
            if len(waiting) == 4:  # it would wait for ever if fewer were sent
                held.append(len(waiting))
                peer.socket.sendall(b"".join(map(answer, waiting)))
                waiting.clear()

    assert _outcomes(by_fours, pace=Pace(in_flight=4, seconds=5.0, drain_s=1.0)) == {"ok": _CALLS}
    assert held == [4] * (_CALLS // 4)


def test_writes_without_a_redis_are_an_error() -> None:
    with pytest.raises(InputError, match="which Redis"):
        run(Target("127.0.0.1:1"), ordered(100, 1, users=10), _PACE)


def test_an_address_without_a_port_is_an_error() -> None:
    with pytest.raises(InputError, match="host:port"):
        run(Target("somewhere"), _at_once(), _PACE)


def test_degraded_answers_are_counted_apart() -> None:
    degraded = type(SLATE)(items=SLATE.items, degraded=[4]).SerializeToString()

    def half(peer: Peer) -> None:
        for count, stream in enumerate(peer.calls()):
            peer.socket.sendall(answer(stream, degraded) if count % 2 else answer(stream))

    assert _outcomes(half) == {"ok": _CALLS // 2, "degraded": _CALLS // 2}


def _batch_answer(*statuses: int, degraded: bool = False) -> bytes:
    slate = type(SLATE)(items=SLATE.items, degraded=[4] if degraded else [])
    results = [
        recommender_pb2.RecommendBatchResult(
            status=recommender_pb2.Status(code=status), response=None if status else slate
        )
        for status in statuses
    ]
    return recommender_pb2.RecommendBatchResponse(results=results).SerializeToString()


def test_requests_of_a_batch_that_fail_inside_it_or_are_degraded_are_not_ok() -> None:
    planted = (_batch_answer(0, 0, 8, 0), _batch_answer(0, 0, 0, 0, degraded=True))

    def answers(peer: Peer) -> None:
        for count, stream in enumerate(peer.calls()):
            peer.socket.sendall(answer(stream, planted[count % 2]))

    with scripted(answers) as address:
        result = run(Target(address, 1, users_a_call=4), _at_once(), Pace(in_flight=2, seconds=5.0, drain_s=1.0))
    assert result["reads"]["outcomes"] == {"degraded": 20, "ok": 15, "RESOURCE_EXHAUSTED": 5}
    assert result["reads"]["calls"] == _CALLS // 4
    assert result["answers_with_warm_up"] == 35
    assert result["reads"]["latency_ms"]["p99"] is None, "a batch in which a request failed is not answered"


def test_a_batch_that_fails_as_a_whole_fails_for_each_of_its_users() -> None:
    def refuses(peer: Peer) -> None:
        for stream in peer.calls():
            peer.socket.sendall(answer(stream, status="14"))

    with scripted(refuses) as address:
        reads = run(Target(address, 1, users_a_call=4), _at_once(), _PACE)["reads"]
    assert reads["outcomes"] == {"UNAVAILABLE": _CALLS}
    assert reads["answered_per_s"] == 0


def test_an_answer_to_one_user_is_none_to_a_batch() -> None:
    with scripted(_answer_all) as address:
        reads = run(Target(address, 1, users_a_call=4), _at_once(), _PACE)["reads"]
    assert reads["outcomes"] == {"malformed": _CALLS}


@pytest.mark.parametrize("target", [Target("127.0.0.1:1", users_a_call=51), Target("127.0.0.1:1", 1, "/x", "", 4)])
def test_batches_that_do_not_fit_or_go_over_http_1_are_an_error(target: Target) -> None:
    with pytest.raises(InputError, match="1 to 50 users"):
        run(target, _at_once(), _PACE)


def test_a_write_takes_no_reads_place_in_a_closed_loop(tmp_path: Path) -> None:
    def never(peer: Peer) -> None:
        while peer.socket.recv(65_536):
            pass

    np.save(tmp_path / "rows.npy", np.zeros((100, 50), np.uint8))
    arrivals = ordered(200, 1, users=100)
    with scripted(_answer_all) as address, scripted(never) as redis:
        target = Target(address, 1, redis=redis, rows=tmp_path / "rows.npy")
        result = run(target, arrivals, Pace(in_flight=1, seconds=0.5, drain_s=0.1))
    assert result["reads"]["outcomes"] == {"ok": int((~arrivals.is_write).sum())}
    assert result["writes"]["outcomes"] == {"unanswered": int(arrivals.is_write.sum())}


def _redis_like(peer: Peer) -> None:
    while received := peer.socket.recv(65_536):
        peer.socket.sendall(b"+OK\r\n" * received.count(b"SET"))


def test_writes_go_to_redis_and_are_counted_apart(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.zeros((100, 50), np.uint8))
    arrivals = ordered(200, 1, users=100)
    writes = int(arrivals.is_write.sum())
    assert writes, "some of them are writes"
    with scripted(_answer_all) as address, scripted(_redis_like) as redis:
        result: dict[str, Any] = run(Target(address, 2, redis=redis, rows=tmp_path / "rows.npy"), arrivals, _PACE)
    assert result["reads"]["outcomes"] == {"ok": 200 - writes}
    assert result["writes"]["outcomes"] == {"ok": writes}
