"""One test: where its calls go, what they ask for, and when they are due."""

import math
from collections.abc import Callable
from functools import partial
from time import monotonic

import numpy as np

from loadtest.locusting.options import Options
from loadtest.locusting.outcomes import Outcome, call_outcome, not_sent
from loadtest.locusting.pace import ClosedLoop, OpenLoop, Pace, Turn
from loadtest.locusting.shapes import share_of_peak
from loadtest.locusting.traffic import MIX, WRITE, Population, Traffic
from shortlist.rpc.channels import open_channel
from shortlist.v1.events_pb2_grpc import EventServiceStub
from shortlist.v1.recommender_pb2_grpc import RecommenderServiceStub

_METADATA = (("x-caller", "loadtest"),)


class Load:
    """The calls of one test, for any number of callers.

    Args:
        options: What the test goes by.
        population: Whom and what the calls name.
        on_not_sent: Takes the outcome of each arrival that is given up.
        process: Number of this process among those that share the test: each sends calls of its own.
    """

    def __init__(
        self, options: Options, population: Population, on_not_sent: Callable[[Outcome], None], process: int
    ) -> None:
        self._timeout_s = options.timeout_s
        # Two sources of chance: when a call is sent must not depend on what it asks for.
        asked, due = np.random.default_rng([options.seed, process]).spawn(2)
        self._traffic = Traffic(population, asked, options.write_share)
        # Without retries: a call that failed is to be counted, not repaired.
        self._channel = open_channel(options.host)
        reads = RecommenderServiceStub(self._channel)
        self._send = {method: getattr(reads, method) for method in MIX}
        self._send[WRITE] = EventServiceStub(self._channel).RecordEvents
        self.pace = _pace_of(options, on_not_sent, due)

    def call(self, turn: Turn) -> Outcome:
        """Send the next call and wait for its outcome."""
        call = self._traffic.next_call()
        send = self._send[call.method]
        return call_outcome(
            call.method, partial(send, call.request, timeout=self._timeout_s, metadata=_METADATA), turn.due_s
        )

    def close(self) -> None:
        """Hang up."""
        self._channel.close()


def _pace_of(options: Options, on_not_sent: Callable[[Outcome], None], rng: np.random.Generator) -> Pace:
    begin_s = monotonic()
    end_s = begin_s + (options.run_time_s or math.inf)
    if options.loop == "closed":
        return ClosedLoop(options.think_s, rng, end_s)
    return OpenLoop(
        options.rate,
        options.backlog,
        lambda elapsed_s: share_of_peak(options.shape, elapsed_s, options.run_time_s),
        lambda overdue_s: on_not_sent(not_sent(overdue_s)),
        rng,
        begin_s,
        end_s,
    )
