"""One run from arrivals to a result."""

import gc
import os
import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from loadtest.arrivals import Arrivals
from loadtest.generator import frames
from loadtest.generator.calls import Ask, Calls, calls_of
from loadtest.generator.connection import Connection
from loadtest.generator.grpc import GrpcConnection
from loadtest.generator.http1 import Http1Connection, recommend_post
from loadtest.generator.loop import Loop
from loadtest.generator.messages import batch_request, outcomes_of_batch, recommend_request
from loadtest.generator.pool import Pool
from loadtest.generator.redis_writes import RedisConnection
from loadtest.generator.tally import summarise
from shortlist.core.errors import InputError

RECOMMEND = "/shortlist.v1.RecommenderService/Recommend"
_RECOMMEND_BATCH = "/shortlist.v1.RecommenderService/RecommendBatch"
_MOST_USERS_A_CALL = 50
"""A connection keeps room for messages of 1,024 bytes."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and how it is asked.

    Args:
        address: "host:port".
        connections: How many are kept.
        http_path: Of a POST with JSON over HTTP/1.1; empty: gRPC.
        method: Of gRPC, taking a RecommendRequest and giving a RecommendResponse.
        users_a_call: 1 to 50 for calls of RecommendBatch over gRPC; 0: a call is for one user.
        timeout_s: What a gRPC call carries as its deadline.
        redis: "host:port" for the writes; empty where no call is one.
        rows: The user rows, .npy, for the writes.
    """

    address: str
    connections: int = 32
    http_path: str = ""
    method: str = RECOMMEND
    users_a_call: int = 0
    timeout_s: float = 5.0
    redis: str = ""
    rows: Path | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How calls are sent.

    Args:
        in_flight: Reads of a closed loop; 0: an open one, each call when it is due.
        seconds: Of a closed loop; an open one ends with its arrivals.
        warm_up_s: Calls due before are sent and not counted.
        drain_s: How long answers are waited for after the last call.
    """

    in_flight: int = 0
    seconds: float = 0.0
    warm_up_s: float = 0.0
    drain_s: float = 2.0


def run(target: Target, arrivals: Arrivals, pace: Pace) -> dict[str, Any]:
    """Send calls and give the result, for JSON.

    Raises:
        InputError: an address is none, a call has more users than fit, or writes have nowhere to go.
    """
    load = os.getloadavg()[0]
    calls = _calls(target, arrivals)
    with selectors.EpollSelector() as selector:
        reads = Pool(_connector(target), target.connections, calls.payloads, selector)
        writes = None
        if calls.is_write.any():
            redis = _parsed(target.redis)
            writes = Pool(lambda: RedisConnection(redis), 1, calls.payloads, selector)
        loop = Loop(calls, reads, writes, selector)
        gc.collect()
        gc.disable()  # a pause would be seen as the server's
        try:
            cpu_s, wall_s = time.process_time(), time.perf_counter()
            record = (
                loop.closed(pace.in_flight, pace.seconds, pace.drain_s) if pace.in_flight else loop.open(pace.drain_s)
            )
            cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
        finally:
            gc.enable()
        opened = reads.opened
        for pool in (reads, writes):
            if pool is not None:
                pool.close()
    sent = len(record.outcomes)
    counted = record.due_s >= pace.warm_up_s
    is_write = calls.is_write[:sent]
    requests = target.users_a_call or 1
    # In an open loop calls come until the last is due; what is answered later was asked for before.
    seconds = (pace.seconds or float(record.due_s.max(initial=0.0))) - pace.warm_up_s
    return {
        "address": target.address,
        "protocol": "http/1.1" if target.http_path else "grpc",
        "loop": "closed" if pace.in_flight else "open",
        "in_flight": pace.in_flight,
        "requests_a_call": requests,
        "connections": target.connections,
        "connections_opened": opened,
        "counted_s": seconds,
        "answers_with_warm_up": summarise(record, ~is_write, 0.0, requests).answers,
        "reads": summarise(record, counted & ~is_write, seconds, requests, target.timeout_s).to_dict(),
        "writes": summarise(record, counted & is_write, seconds).to_dict(),
        "generator_cpu_share": cpu_s / wall_s if wall_s else 0.0,
        "generator_cpu_us_a_call": cpu_s / sent * 1e6 if sent else 0.0,
        "load_before_start": load,
    }


def _parsed(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"an address is host:port, got {address!r}")
    return host, int(port)


def _connector(target: Target) -> Callable[[], Connection]:
    address, users = _parsed(target.address), target.users_a_call
    if target.http_path:
        return lambda: Http1Connection(address)
    if not users:
        block = frames.grpc_headers(target.method, target.address, target.timeout_s)
        return lambda: GrpcConnection(address, block)
    block = frames.grpc_headers(_RECOMMEND_BATCH, target.address, target.timeout_s)
    return lambda: GrpcConnection(address, block, partial(outcomes_of_batch, requests=users))


def _calls(target: Target, arrivals: Arrivals) -> Calls:
    if not 0 <= target.users_a_call <= _MOST_USERS_A_CALL or (target.users_a_call and target.http_path):
        raise InputError(f"a call over gRPC takes 1 to {_MOST_USERS_A_CALL} users, got {target.users_a_call}")
    rows = None
    if arrivals.is_write.any():
        if target.rows is None or not target.redis:
            raise InputError("some calls are writes: say which Redis takes them, and where the rows are")
        rows = np.load(target.rows, mmap_mode="r", allow_pickle=False)
        if arrivals.users.max(initial=0) >= len(rows):
            raise InputError(f"{target.rows} has {len(rows)} rows, the calls name user {arrivals.users.max()}")
    return calls_of(arrivals, target.users_a_call or 1, _asking(target), rows)


def _asking(target: Target) -> Ask:
    if target.http_path:
        return lambda users: recommend_post(target.http_path, target.address, users[0])
    if target.users_a_call:
        return lambda users: frames.grpc_message(batch_request(users))
    return lambda users: frames.grpc_message(recommend_request(users[0]))
