"""Where a request's time goes: the stages of a batch of one and of 32, and the layers around the pipeline.

Stages are what a gateway's answers tell, medians over calls one after another: Recommend for a batch of one,
RecommendBatch of 32 users for one of 32, whose stages are those of the batch. `layers` says what the layers are; the
layer "pipeline" is the sum of a lone call's stages without its queue.
"""

import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any

import numpy as np
from rich.console import Console

from loadtest.arrivals import ordered, user_id
from loadtest.in_process import Parts
from loadtest.scenarios import command
from loadtest.scenarios.layers import QUEUE, code_us, front_door_us, pipeline_of, stages_of
from loadtest.scenarios.testbed import SEED, NotMeasuredError, Ranker, testbed
from loadtest.workload import LIMIT, Workload
from shortlist.client import Client
from shortlist.release.bundle import Release
from shortlist.v1.recommender_pb2 import RecommendRequest, RecommendResponse

BATCH = 32
SECONDS = 8.0
_WARM_UP_CALLS = 20
_TIMEOUT_S = 10.0
_USERS = 10_000
"""Calls after which the users begin again."""


def measure(
    work: Workload, console: Console, *, seconds: float = SECONDS, ranker: Ranker = "onnxruntime"
) -> dict[str, Any]:
    """Measure the stages at batch 1 and 32, and the layers.

    Args:
        work: The workload.
        console: Says where it is.
        seconds: Of each of the four measurements.
        ranker: Who ranks, for the stages.

    Raises:
        NotMeasuredError: an answer was not whole, or users asked for together were not a batch.
    """
    users = cycle([user_id(user) for user in ordered(_USERS, SEED, users=work.users, write_share=0.0).users.tolist()])
    with (
        testbed(work) as bed,
        bed.gateways(ranker=ranker) as server,
        Client(server.address, caller="stages", timeout_s=_TIMEOUT_S) as client,
    ):

        def alone() -> dict[str, float]:
            return batch_stages([client.recommend(next(users), limit=LIMIT)])

        def together() -> dict[str, float]:
            requests = [RecommendRequest(user_id=user, limit=LIMIT) for user in islice(users, BATCH)]
            return batch_stages([result.response for result in client.recommend_batch(requests).results])

        console.print(f"stages of batches of 1 and of {BATCH}, ranked by {ranker}")
        of_one, of_many = repeated(alone, seconds), repeated(together, seconds)
        answer = client.recommend(next(users), limit=LIMIT).SerializeToString()
    console.print("layers")
    layers = {
        "front_door_us": front_door_us(answer, work.users, seconds),
        "pipeline_us": float(np.median([pipeline_of(stages) for stages in of_one])),
        **medians(list(code_us(Parts(Release.open(work.release_dir)), seconds))),
    }
    return {"1": medians(of_one), str(BATCH): medians(of_many), "layers": layers}


def batch_stages(answers: Sequence[RecommendResponse]) -> dict[str, float]:
    """Read the stages of a batch from the answers to all of its requests, microseconds by name.

    Raises:
        NotMeasuredError: one is not whole, or they are not of one batch.
    """
    if not all(answer.items and answer.ranker and not answer.degraded for answer in answers):
        raise NotMeasuredError("an answer was not whole")
    stages = [stages_of(answer) for answer in answers]
    pipelines = [{**each, QUEUE: 0.0} for each in stages]
    if any(pipeline != pipelines[0] for pipeline in pipelines):
        raise NotMeasuredError(f"{len(answers)} users asked for together were not one batch")
    return stages[0]


def repeated(ask: Callable[[], dict[str, float]], seconds: float) -> list[dict[str, float]]:
    """Ask again and again for so many seconds, after 20 times that do not count."""
    for _ in range(_WARM_UP_CALLS):
        ask()
    found, ends = [], time.perf_counter() + seconds
    while time.perf_counter() < ends:
        found.append(ask())
    return found


def medians(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Take the median of each name."""
    return {name: float(np.median([each[name] for each in found])) for name in found[0]}


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
