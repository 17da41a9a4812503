"""Tables of the systems that were compared, as Markdown."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from loadtest.bench.readings import (
    COUNT,
    MB,
    MS,
    PERCENT,
    TIMES,
    Figures,
    Unit,
    by_round,
    figure,
    part,
    ratio,
    share_of_kernels,
    told,
)
from loadtest.bench.systems import OURS, SYSTEMS
from loadtest.saturation import P99_LIMIT_MS

_START = Unit(" s", 1)


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lay out rows of cells between two empty lines; nothing where there are no rows."""
    if not (rows := list(rows)):
        return
    yield ""
    yield f"| {' | '.join(headings)} |"
    yield "| --- " * len(headings) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def systems_of(result: Figures) -> list[str]:
    """List the systems that were measured, in the order of `SYSTEMS`."""
    names = {name for figures in result["rounds"] for name in figures["systems"]}
    return [name for name in SYSTEMS if name in names]


def comparison(result: Figures) -> Iterator[str]:
    """Put the systems side by side."""
    rounds = result["rounds"]

    def row(system: str) -> Sequence[str]:
        def of(*path: str) -> list[float]:
            return by_round(rounds, lambda figures: figure(figures, "systems", system, *path))

        def to_ours(figures: Figures) -> float | None:
            ours, theirs = (
                figure(figures, "systems", name, "saturation", "answers_per_s") for name in (OURS[0], system)
            )
            return ratio(theirs, ours)

        return (
            system,
            told(of("sequential", "p50_ms"), MS),
            told(of("saturation", "answers_per_s"), COUNT),
            told(by_round(rounds, to_ours), TIMES) if system != OURS[0] else "",
            told(of("saturation", "p50_ms"), MS),
            told(of("saturation", "p99_ms"), MS),
            told(of("saturation", "server_cpu_ms_an_answer"), MS),
            told(of("pss_mb"), MB),
        )

    headings = (
        "system",
        "sequential p50",
        f"answers a second, p99 < {MS.bound(P99_LIMIT_MS)}",
        f"by {OURS[0]}'s, same round",
        "p50 there",
        "p99 there",
        "CPU an answer",
        "PSS",
    )
    return markdown(headings, map(row, systems_of(result)))


def conditions(result: Figures) -> Iterator[str]:
    """Tell what became of the calls at each system's highest rates, and whether the generator was in the way."""

    def row(system: str) -> Sequence[str] | None:
        found = [
            saturation for figures in result["rounds"] if (saturation := part(figures, "systems", system, "saturation"))
        ]
        if not found:
            return None
        kept = [step for each in found for step in each["steps"] if step["rate"] == each["rate"]]
        share = max((step["generator_cpu_share"] for each in found for step in each["steps"]), default=0.0)
        started = by_round(result["rounds"], lambda figures: figure(figures, "systems", system, "start_s"))
        bound = sum(each["is_generator_bound"] for each in found)
        return system, outcomes_of(kept), PERCENT.show(share), f"{bound} of {len(found)}", told(started, _START)

    headings = (
        "system",
        "calls at its highest rates",
        "generator's CPU, most",
        "rounds that the generator ended",
        "start",
    )
    return markdown(headings, filter(None, map(row, systems_of(result))))


def outcomes_of(measured: Iterable[Mapping[str, Any]]) -> str:
    """Count how the calls ended, of several measurements together."""
    counted: Counter[str] = Counter()
    for each in measured:
        counted.update(each["outcomes"])
    return ", ".join(f"{count:,} {outcome}" for outcome, count in counted.most_common())


def kernels(result: Figures) -> Iterator[str]:
    """Tell what the bare kernels reach."""
    found = [figures["kernels"] for figures in result["rounds"] if figures["kernels"]]
    if not found:
        return iter(())
    row = (
        ", ".join(sorted({f"{each['batch']} in two {each['workers']}" for each in found})),
        told([each["requests_per_s"] for each in found], COUNT),
        told([each["cpu_ms_a_request"] for each in found], Unit(" ms", 3)),
    )
    return markdown(("batch", "requests a second", "CPU a request"), [row])


def batches(result: Figures) -> Iterator[str]:
    """Tell how `RecommendBatch` did."""
    rounds = result["rounds"]

    def row(system: str) -> Sequence[str] | None:
        found = [batch for figures in rounds if (batch := part(figures, "systems", system, "batch"))]
        if not found:
            return None
        answers = by_round(found, lambda batch: figure(batch, "answers_per_s"))
        cpu_ms = by_round(found, lambda batch: figure(batch, "server_cpu_ms_an_answer"))
        shares = by_round(rounds, lambda figures: share_of_kernels(figures, system, "batch"))
        return system, told(answers, COUNT), told(shares, PERCENT), told(cpu_ms, MS), outcomes_of(found)

    headings = ("system", "answers a second", "of the bare kernels'", "CPU an answer", "answers")
    return markdown(headings, filter(None, map(row, systems_of(result))))


def half_rate(result: Figures) -> Iterator[str]:
    """Tell how ours and the best peer did at half of what that one carries."""
    rounds = part(result, "half_rate", "rounds") or ()
    names = [name for name in SYSTEMS if any(name in figures for figures in rounds)]

    def row(system: str) -> Sequence[str]:
        p50 = by_round(rounds, lambda figures: figure(figures, system, "p50_ms"))
        p99 = by_round(rounds, lambda figures: figure(figures, system, "p99_ms"))
        return system, told(p50, MS), told(p99, MS), outcomes_of(each[system] for each in rounds if system in each)

    return markdown(("system", "p50", "p99", "calls"), map(row, names))
