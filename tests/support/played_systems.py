"""Systems that a benchmark measures without any being there: up to a capacity they answer in time, past it too late."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from loadtest.arrivals import Arrivals
from loadtest.bench.systems import Reached, System
from loadtest.generator.run import Pace, Target
from loadtest.saturation import Result
from loadtest.serving import Usage

CPU_MS_AN_ANSWER = 0.5


@dataclass
class Spent:
    """Processor time that the played systems have used, in seconds."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class PlayedUsage(Usage):
    """What a played system costs."""

    spent: Spent

    def cpu_s(self) -> float:
        """Tell what was used so far."""
        return self.spent.seconds

    def pss_mb(self) -> float:
        """Tell what it holds."""
        return 123.0


@dataclass
class PlayedGenerator:
    """Runs nothing; remembers what it was asked.

    Args:
        capacities: Calls a second that each address carries, writes included.
    """

    capacities: dict[str, float]
    spent: Spent = field(default_factory=Spent)
    runs: list[tuple[Target, Arrivals, Pace]] = field(default_factory=list)

    def __call__(self, target: Target, arrivals: Arrivals, pace: Pace) -> Result:
        self.runs.append((target, arrivals, pace))
        capacity = self.capacities[target.address]
        duration_s = pace.seconds or float(arrivals.due_s[-1])
        rate = min(capacity, len(arrivals) / duration_s)
        is_late = not pace.in_flight and len(arrivals) / duration_s > capacity
        answered_per_s = rate * float((~arrivals.is_write).mean())
        answers = round(answered_per_s * duration_s)
        self.spent.seconds += answers * CPU_MS_AN_ANSWER / 1e3
        latency_ms = {"p50": 5.0, "p99": 400.0 if is_late else 10.0} if capacity else {"p50": None, "p99": None}
        return {
            "answers_with_warm_up": answers,
            "reads": {
                "answered_per_s": answered_per_s,
                "latency_ms": latency_ms,
                "outcomes": {"ok": answers},
                "sent_late_p99_ms": 0.1,
            },
            "writes": {"outcomes": {}},
            "generator_cpu_share": 0.2,
        }

    def reached(self, name: str) -> Reached:
        """Give a running system of that address."""
        return Reached(Target(name, 64), PlayedUsage([], self.spent))


@dataclass
class PlayedStarts:
    """Starts played systems, and notes when each began and ended."""

    generator: PlayedGenerator
    events: list[str] = field(default_factory=list)

    def system(self, name: str, is_saturated: bool = True, has_batches: bool = False) -> System:
        """Describe a system."""

        @contextmanager
        def start() -> Iterator[Reached]:
            self.events.append(f"+{name}")
            yield self.generator.reached(name)
            self.events.append(f"-{name}")

        return System(name, start, is_saturated, has_batches)

    def started(self) -> Sequence[str]:
        """List the systems in the order of their starts, each of which ended before the next began."""
        begins, ends = self.events[::2], self.events[1::2]
        assert [name[1:] for name in begins] == [name[1:] for name in ends]
        assert all(name[0] == "+" for name in begins)
        return [name[1:] for name in begins]
