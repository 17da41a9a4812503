"""The highest rate that a server keeps with p99 under 50 ms: open loop, stepping up, then halving the gap.

Each step is a run of the generator in a process of its own. Calls that fail count as infinitely slow, so that a server
which refuses one call in a hundred has no p99; a rate at which one answer in a hundred is degraded is not kept either.
"""

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.arrivals import USERS, WRITE_SHARE, Arrivals, poisson
from loadtest.generator.messages import DEGRADED
from loadtest.generator.run import Pace, Target
from shortlist.core.errors import ShortlistError

P99_LIMIT_MS = 50.0
STEP_S, WARM_UP_S = 5.0, 1.0
STEP_UP, _CLOSE_ENOUGH = 1.5, 1.04
_MOST_STEPS = 14
_MOST_DEGRADED = 0.01
_MOST_CPU_SHARE = 0.9
"""Beyond it the generator measures itself."""

Result = dict[str, Any]
"""As `generator.run.run` gives it."""


class GeneratorError(ShortlistError):
    """The generator did not end well."""


@dataclass(frozen=True, slots=True)
class Saturation:
    """What stepping found.

    Args:
        rate: The highest that was kept, calls a second with the writes; 0: none was.
        best: The result at it; None: none was kept.
        steps: Rates in the order they were tried, and their results.
        is_generator_bound: Whether the generator, not the server, ended it.
    """

    rate: float
    best: Result | None
    steps: tuple[tuple[float, Result], ...]
    is_generator_bound: bool

    @property
    def answers_per_s(self) -> float:
        """Slates a second at the highest rate, without the writes."""
        return float(self.best["reads"]["answered_per_s"]) if self.best else 0.0


def highest_rate(
    measure: Callable[[float], Result], first: float, step_up: float = STEP_UP, limit_ms: float = P99_LIMIT_MS
) -> Saturation:
    """Look for the highest rate, in 14 steps at most.

    Args:
        measure: Runs at a rate of calls a second; `measured_at` of a target for one.
        first: The rate to begin with.
        step_up: Factor from a rate that was kept to the next, more than 1; small where `first` is near the highest.
        limit_ms: Of p99.
    """
    steps: list[tuple[float, Result]] = []
    kept, lost, best = 0.0, math.inf, None
    rate = first
    while len(steps) < _MOST_STEPS:
        result = measure(rate)
        steps.append((rate, result))
        if is_generator_bound := result["generator_cpu_share"] > _MOST_CPU_SHARE:
            return Saturation(kept, best, tuple(steps), is_generator_bound)
        if is_kept(result, limit_ms):
            kept, best = rate, result
        else:
            lost = rate
        if lost / max(kept, 1.0) < _CLOSE_ENOUGH:
            break
        rate = _between(kept, lost, step_up)
    return Saturation(kept, best, tuple(steps), is_generator_bound=False)


def _between(kept: float, lost: float, step_up: float) -> float:
    """Choose the next rate: up until one is lost, down until one is kept, then their geometric mean."""
    if math.isinf(lost):
        return kept * step_up
    return math.sqrt(kept * lost) if kept else lost / step_up


def is_kept(result: Result, limit_ms: float = P99_LIMIT_MS) -> bool:
    """Tell whether 99 of 100 slates came in time, and as many were whole."""
    reads = result["reads"]
    outcomes, p99 = reads["outcomes"], reads["latency_ms"]["p99"]
    is_whole = outcomes.get(DEGRADED, 0) <= _MOST_DEGRADED * sum(outcomes.values())
    return p99 is not None and p99 < limit_ms and is_whole


def measured_at(
    target: Target, seed: int, *, seconds: float = STEP_S, users: int = USERS, write_share: float = WRITE_SHARE
) -> Callable[[float], Result]:
    """Give what measures a target at a rate; a rate has the same arrivals for every target."""

    def measure(rate: float) -> Result:
        arrivals = poisson(rate, WARM_UP_S + seconds, seed, users=users, write_share=write_share)
        return in_own_process(target, arrivals, Pace(warm_up_s=WARM_UP_S))

    return measure


def in_own_process(target: Target, arrivals: Arrivals, pace: Pace) -> Result:
    """Run the generator as a process of its own.

    Raises:
        GeneratorError: with its sentence.
    """
    with tempfile.TemporaryDirectory() as folder:
        calls, out = Path(folder, "arrivals.npz"), Path(folder, "result.json")
        arrivals.save(calls)
        options: dict[str, object] = {
            "--address": target.address,
            "--arrivals": calls,
            "--out": out,
            "--connections": target.connections,
            "--http-path": target.http_path,
            "--method": target.method,
            "--users-a-call": target.users_a_call,
            "--timeout": target.timeout_s,
            "--redis": target.redis,
            **({"--rows": target.rows} if target.rows else {}),
            "--in-flight": pace.in_flight,
            "--seconds": pace.seconds,
            "--warm-up": pace.warm_up_s,
            "--drain": pace.drain_s,
        }
        words = [word for name, value in options.items() for word in (name, str(value))]
        longest_s = 60.0 + pace.seconds + pace.drain_s + float(arrivals.due_s.max(initial=0.0))
        command = [sys.executable, "-m", "loadtest.generator", *words]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=longest_s, check=False)
        except subprocess.TimeoutExpired as error:
            raise GeneratorError(f"the generator did not end within {longest_s:.0f} s") from error
        if ended.returncode != 0:
            raise GeneratorError(f"the generator failed: {ended.stderr.strip()[-500:]}")
        result: Result = json.loads(out.read_text())
        return result
