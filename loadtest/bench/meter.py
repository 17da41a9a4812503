"""What is measured of a running system, each a run of the generator: figures by name, for JSON."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loadtest.arrivals import WRITE_SHARE, Arrivals, ordered, poisson
from loadtest.bench.systems import Reached
from loadtest.generator.run import Pace, Target
from loadtest.saturation import WARM_UP_S, Result, highest_rate, in_own_process

Figures = dict[str, Any]
Generate = Callable[[Target, Arrivals, Pace], Result]

BATCH, BATCHES_IN_FLIGHT = 32, 4
_MOST_REQUESTS_A_SECOND = 15_000
"""More than are answered: a closed loop that runs out of calls ends early."""
_SETTLE_S = 0.2
"""Of a closed loop on a warm system: the connections open."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Measures running systems, each with the same calls.

    Args:
        seed: Draws the calls.
        users: Who call.
        seconds: Of a step of the search for the highest rate, and of half the rate; other runs take a share of it.
        generate: Runs the generator.
    """

    seed: int
    users: int
    seconds: float
    generate: Generate = in_own_process

    def warm_up(self, reached: Reached) -> float:
        """Send as many calls as are answered for a while; tell how many a second, writes included."""
        connections = reached.target.connections
        result = self._closed(reached, connections, 0.4 * self.seconds)
        return float(result["reads"]["answered_per_s"]) / (1.0 - WRITE_SHARE)

    def sequential(self, reached: Reached) -> Figures:
        """Send one call after another, none of them a write."""
        alone = replace(reached, target=replace(reached.target, connections=1))
        result = self._closed(alone, 1, 0.4 * self.seconds, write_share=0.0)
        return {
            **_latency(result),
            "server_cpu_ms_an_answer": result["server_cpu_ms_an_answer"],
            "outcomes": result["reads"]["outcomes"],
        }

    def saturation(self, reached: Reached, warm_up_rate: float, earlier: Sequence[float]) -> Figures:
        """Look for the highest rate with p99 under 50 ms.

        Args:
            reached: The system.
            warm_up_rate: As `warm_up` told; where to look the first time.
            earlier: The highest rates of earlier rounds, calls a second; near them to look.
        """

        def measure(rate: float) -> Result:
            return self._at_rate(reached, rate)

        known = [rate for rate in earlier if rate]
        first, step_up = (0.85 * statistics.median(known), 1.15) if known else (0.7 * max(warm_up_rate, 50.0), 1.3)
        found = highest_rate(measure, first, step_up)
        steps = [_step(rate, result) for rate, result in found.steps]
        best: Mapping[str, Any] = next((step for step in steps if step["rate"] == found.rate), {})
        names = ("p50_ms", "p99_ms", "server_cpu_ms_an_answer", "generator_cpu_share")
        return {
            "rate": found.rate,
            "answers_per_s": found.answers_per_s,
            **{name: best.get(name) for name in names},
            "is_generator_bound": found.is_generator_bound,
            "steps": steps,
        }

    def batch(self, reached: Reached) -> Figures:
        """Keep 4 calls of RecommendBatch in flight, of 32 users each."""
        batched = replace(reached, target=replace(reached.target, connections=BATCHES_IN_FLIGHT, users_a_call=BATCH))
        result = self._closed(batched, BATCHES_IN_FLIGHT, 0.6 * self.seconds)
        reads = result["reads"]
        return {
            "answers_per_s": reads["answered_per_s"],
            **_latency(result),
            "server_cpu_ms_an_answer": result["server_cpu_ms_an_answer"],
            "generator_cpu_share": result["generator_cpu_share"],
            "outcomes": reads["outcomes"],
        }

    def at_rate(self, reached: Reached, rate: float) -> Figures:
        """Send calls at a rate."""
        return _step(rate, self._at_rate(reached, rate))

    def _at_rate(self, reached: Reached, rate: float) -> Result:
        arrivals = poisson(rate, WARM_UP_S + self.seconds, self.seed, users=self.users)
        return self._run(reached, arrivals, Pace(warm_up_s=WARM_UP_S))

    def _closed(self, reached: Reached, in_flight: int, seconds: float, write_share: float = WRITE_SHARE) -> Result:
        requests = round(_MOST_REQUESTS_A_SECOND * (_SETTLE_S + seconds))
        arrivals = ordered(requests, self.seed, users=self.users, write_share=write_share)
        return self._run(reached, arrivals, Pace(in_flight, _SETTLE_S + seconds, _SETTLE_S))

    def _run(self, reached: Reached, arrivals: Arrivals, pace: Pace) -> Result:
        """Run the generator; add what an answer took of the system's processors, those of the warm-up included."""
        before_s = reached.usage.cpu_s()
        result = self.generate(reached.target, arrivals, pace)
        used_ms, answers = (reached.usage.cpu_s() - before_s) * 1e3, result["answers_with_warm_up"]
        result["server_cpu_ms_an_answer"] = used_ms / answers if answers else None
        return result


def _latency(result: Result) -> Figures:
    latency_ms = result["reads"]["latency_ms"]
    return {"p50_ms": latency_ms["p50"], "p99_ms": latency_ms["p99"]}


def _step(rate: float, result: Result) -> Figures:
    return {
        "rate": rate,
        "answers_per_s": result["reads"]["answered_per_s"],
        **_latency(result),
        "outcomes": result["reads"]["outcomes"],
        "write_outcomes": result["writes"]["outcomes"],
        "sent_late_p99_ms": result["reads"]["sent_late_p99_ms"],
        "generator_cpu_share": result["generator_cpu_share"],
        "server_cpu_ms_an_answer": result["server_cpu_ms_an_answer"],
    }
