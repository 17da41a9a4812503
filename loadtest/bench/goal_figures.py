"""The figures that the goals are about, read from a whole result: one a round, or one alone; none: not measured."""

from collections.abc import Callable, Sequence

from loadtest.bench.goal import Read
from loadtest.bench.readings import Figures, by_round, figure, measured, part, ratio, share_of_kernels
from loadtest.peers.environments import PEERS


def of_round(read: Callable[[Figures], float | None]) -> Read:
    """Read a figure of each of the main rounds."""
    return lambda result: by_round(result["rounds"], read)


def scenario(name: str, *path: str) -> Read:
    """Read a figure of a scenario."""
    return lambda result: measured([figure(result, "scenarios", name, *path)])


def above(one: Read, other: Read) -> Read:
    """Subtract one figure from another of the same scenario."""
    return lambda result: [more - less for more, less in zip(one(result), other(result), strict=False)]


def of_kernels(system: str, of: str) -> Read:
    """Read a system's answers a second as a share of the bare kernels' of the round."""
    return of_round(lambda figures: share_of_kernels(figures, system, of))


def cpu_above_kernels(system: str) -> Read:
    """Read what an answer at a system's highest rate costs beyond the bare kernels of the round."""

    def read(figures: Figures) -> float | None:
        ours = figure(figures, "systems", system, "saturation", "server_cpu_ms_an_answer")
        kernels = figure(figures, "kernels", "cpu_ms_a_request")
        return None if ours is None or kernels is None else ours - kernels

    return of_round(read)


def by_best_peer(system: str) -> Read:
    """Read a system's answers a second by those of the best peer of the round."""
    return of_round(
        lambda figures: ratio(figure(figures, "systems", system, "saturation", "answers_per_s"), best_peer(figures))
    )


def best_peer(figures: Figures) -> float | None:
    """Read the most answers a second of any peer in a round; None unless all of them were measured."""
    rates = measured(figure(figures, "systems", peer, "saturation", "answers_per_s") for peer in PEERS)
    return max(rates) if len(rates) == len(PEERS) else None


def p99_by_peer(system: str) -> Read:
    """Read a system's p99 by that of the best peer, at half of the peer's rate."""

    def read(result: Figures) -> Sequence[float]:
        peer = part(result, "half_rate", "peer")
        return by_round(
            part(result, "half_rate", "rounds"),
            lambda figures: ratio(figure(figures, system, "p99_ms"), figure(figures, peer, "p99_ms")),
        )

    return read


def sequential(system: str, by: str = "") -> Read:
    """Read a system's sequential median, by another's where one is named."""

    def median_ms(figures: Figures, name: str) -> float | None:
        return figure(figures, "systems", name, "sequential", "p50_ms")

    if by:
        return of_round(lambda figures: ratio(median_ms(figures, system), median_ms(figures, by)))
    return of_round(lambda figures: median_ms(figures, system))


def million_by_fewer(result: Figures) -> Sequence[float]:
    """Read the answers a second with a million items by those with 100,000."""
    rates = part(result, "scenarios", "million_items", "answers_per_s") or {}
    pairs = zip(rates.get("1000000", ()), rates.get("100000", ()), strict=True)
    return measured(ratio(million, fewer) for million, fewer in pairs)


def two_processes_by_one(where: str) -> Read:
    """Read the answers a second of two processes by those of one."""
    return lambda result: by_round(
        part(result, "scenarios", "processes", "rounds"),
        lambda figures: ratio(figure(figures, where, "2"), figure(figures, where, "1")),
    )


def events_per_s(result: Figures) -> Sequence[float]:
    """Read the events a second that were recorded."""
    rounds = part(result, "scenarios", "events", "rounds")
    return by_round(rounds, lambda figures: figure(figures, "events_per_s"))


def p99_beside_upserts(result: Figures) -> Sequence[float]:
    """Read the p99 of answers while items are upserted by that without, in the same round."""
    rounds = part(result, "scenarios", "upserts", "rounds")
    return by_round(rounds, lambda figures: ratio(figure(figures, "p99_ms"), figure(figures, "p99_without_ms")))


def all_sources_by_one(size: int) -> Read:
    """Read the time of an answer from all sources, for so many users at once, by that of one from the query tower."""
    return lambda result: by_round(
        part(result, "scenarios", "sources", "rounds"),
        lambda figures: ratio(figure(figures, f"{size}", "all_ms"), figure(figures, f"{size}", "one_ms")),
    )


def very_many_by_some(result: Figures) -> Sequence[float]:
    """Read the time of a call of a user of very many events by that of one who has some."""
    one = part(result, "scenarios", "events", "one_user") or {}
    return measured([ratio(figure(one, "very_many_ms"), figure(one, "some_ms"))])


def goodput_at_twice(front: str) -> Read:
    """Read the goodput at twice the capacity as a share of the highest."""

    def read(result: Figures) -> Sequence[float]:
        points = part(result, "scenarios", "overload", front, "points") or ()
        highest = max((point["goodput_per_s"] for point in points), default=0.0)
        return measured(ratio(point["goodput_per_s"], highest) for point in points if point["factor"] == 2.0)

    return read


def narrow_filter(name: str) -> Read:
    """Read a figure of the filter that keeps 1 %."""
    return lambda result: [
        float(point[name]) for point in part(result, "scenarios", "filters", "points") or () if point["share"] == 0.01
    ]
