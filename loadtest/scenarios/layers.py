"""What a lone call costs around the pipeline, in microseconds, each layer measured by itself.

- front door: a round trip to the native front door when what is behind it answers at once; the generator's and the
  kernel's part of it are in it;
- servicer: from a call's bytes to a request in the queue;
- answer: from the end of the pipeline to the bytes of the answer;
- metrics: what is counted once the answer is given, for which only the next batch waits.

All but the first are those of the gateway's own parts in this process, without network.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from loadtest.in_process import MadeCall, Parts
from loadtest.scenarios.testbed import closed_loop
from loadtest.serving import Usage
from shortlist.gateway.jobs import Job
from shortlist.gateway.servicer import METHODS
from shortlist.local.probes import LOOPBACK
from shortlist.rpc.front import Call
from shortlist.rpc.server import open_front
from shortlist.v1.recommender_pb2 import RecommendResponse

QUEUE = "queue"
"""The stage that is no part of the pipeline."""


def front_door_us(answer: bytes, users: int, seconds: float) -> float:
    """Take the median of a round trip that is answered with these bytes, from a process of its own."""

    def answer_all(calls: Sequence[Call]) -> None:
        for call in calls:
            call.respond(answer)

    with ExitStack() as stack:
        front = open_front("native", f"{LOOPBACK}:0", METHODS)
        stack.callback(front.stop, 1.0)
        front.start(answer_all)
        result = closed_loop(f"{LOOPBACK}:{front.port}", Usage([]), users, 1, seconds).result
    return float(result["reads"]["latency_ms"]["p50"]) * 1e3


class _TimedCall(MadeCall):
    """Notes when it is answered, and with what."""

    answered_at = 0.0
    answer = b""

    def respond(self, payload: bytes) -> bool:
        self.answered_at, self.answer = time.perf_counter(), payload
        return True


class _Waiting:
    """Keeps what is submitted."""

    def __init__(self) -> None:
        self.jobs: Sequence[Job] = ()

    def submit(self, jobs: Sequence[Job]) -> None:
        self.jobs = jobs


def code_us(parts: Parts, seconds: float) -> Iterator[dict[str, float]]:
    """Answer one call after another and tell what each layer of code took."""
    waiting, runner = _Waiting(), parts.runner()
    servicer = parts.servicer(waiting)
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        call = _TimedCall(next(parts.payloads))
        arrived = time.perf_counter()
        servicer([call])
        queued = time.perf_counter()
        runner.run(waiting.jobs)
        ended = time.perf_counter()
        pipeline_us = pipeline_of(stages_of(RecommendResponse.FromString(call.answer)))
        yield {
            "servicer_us": (queued - arrived) * 1e6,
            "answer_us": (call.answered_at - queued) * 1e6 - pipeline_us,
            "metrics_us": (ended - call.answered_at) * 1e6,
        }


def stages_of(answer: RecommendResponse) -> dict[str, float]:
    """Read an answer's stages, microseconds by name."""
    return {stage.stage: float(stage.microseconds) for stage in answer.stages}


def pipeline_of(stages: dict[str, float]) -> float:
    """Add up the stages of the pipeline, in microseconds."""
    return sum(took_us for name, took_us in stages.items() if name != QUEUE)
