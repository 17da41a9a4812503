"""The rounds: the bare kernels, then each system alone, one after another, so that what drifts drifts for all of them.

Whatever was measured is in the result, and kept, before the next thing is.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from loadtest.bench.meter import Figures, Meter
from loadtest.bench.systems import OURS, Reached, System
from loadtest.kernels import Kernels
from loadtest.peers.environments import PEERS

AT_HALF_RATE = OURS[:2]
"""Those of ours that are compared with the best peer at half of its rate."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """What a benchmark does.

    Args:
        systems: That are compared.
        result: Takes the figures, under "rounds" and "half_rate".
        meter: Makes what measures, from a seed: each round has other calls, each system of a round the same.
        kernels: Measures the bare kernels.
        begin: Is told of each part and its system before it is measured.
        keep: Is called after it.
    """

    systems: Sequence[System]
    result: Figures
    meter: Callable[[int], Meter]
    kernels: Callable[[], Kernels]
    begin: Callable[[str, str], None]
    keep: Callable[[], None]

    def run(self, count: int) -> None:
        """Measure so many rounds."""
        for number in range(count):
            figures: Figures = {"load": os.getloadavg()[0], "kernels": None, "systems": {}}
            self.result["rounds"].append(figures)
            self.begin("kernels", f"round {number + 1}")
            figures["kernels"] = asdict(self.kernels())
            self.keep()
            for system in in_turn(self.systems, number):
                measured = figures["systems"][system.name] = Figures()
                self._measure(system, self.meter(number), measured)

    def run_half_rates(self, count: int) -> None:
        """Ask ours and the best peer for half of what that one carries, in so many rounds; nothing without a peer."""
        if (best := best_peer(self.result["rounds"])) is None:
            return
        peer, highest = best
        rounds: list[Figures] = []
        self.result["half_rate"] = {"rate": highest / 2, "peer": peer, "rounds": rounds}
        compared = [system for system in self.systems if system.name in (*AT_HALF_RATE, peer)]
        for number in range(count):
            rounds.append({})
            for system in in_turn(compared, number):
                self.begin("half rate", system.name)
                meter = self.meter(number)
                with system.start() as reached:
                    meter.warm_up(reached)
                    rounds[-1][system.name] = meter.at_rate(reached, highest / 2)
                self.keep()

    def _measure(self, system: System, meter: Meter, figures: Figures) -> None:
        self.begin("start", system.name)
        started_s = time.perf_counter()
        with system.start() as reached:
            figures["start_s"] = time.perf_counter() - started_s
            for part, measure in self._parts(system, meter, reached, meter.warm_up(reached)).items():
                self.begin(part, system.name)
                figures[part] = measure()
                self.keep()
            figures["pss_mb"] = reached.usage.pss_mb()
        self.keep()

    def _parts(
        self, system: System, meter: Meter, reached: Reached, warm_up_rate: float
    ) -> Mapping[str, Callable[[], Figures]]:
        rounds = [figures["systems"].get(system.name, {}) for figures in self.result["rounds"]]
        earlier = [figures["saturation"]["rate"] for figures in rounds if "saturation" in figures]
        parts: dict[str, Callable[[], Figures]] = {"sequential": lambda: meter.sequential(reached)}
        if system.is_saturated:
            parts["saturation"] = lambda: meter.saturation(reached, warm_up_rate, earlier)
        if system.has_batches:
            parts["batch"] = lambda: meter.batch(reached)
        return parts


def in_turn(systems: Sequence[System], number: int) -> list[System]:
    """Order the systems of a round: each round begins with the next, so that none always follows the same."""
    first = number % len(systems) if systems else 0
    return [*systems[first:], *systems[:first]]


def best_peer(rounds: Sequence[Figures]) -> tuple[str, float] | None:
    """Find the peer whose median highest rate is highest, and that rate; None where no peer kept one."""
    medians: dict[str, float] = {}
    for peer in PEERS:
        measured = [figures["systems"].get(peer, {}) for figures in rounds]
        if rates := [figures["saturation"]["rate"] for figures in measured if "saturation" in figures]:
            medians[peer] = statistics.median(rates)
    peer, highest = max(medians.items(), key=lambda item: item[1], default=("", 0.0))
    return (peer, highest) if highest > 0 else None
