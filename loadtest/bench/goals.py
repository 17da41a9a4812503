"""The goals of the benchmark, and how a result meets them; a ratio is taken within a round, never across rounds."""

from collections.abc import Sequence

from loadtest.bench import goal_figures as figures
from loadtest.bench.goal import Goal, Judged, at_least, at_most, judge, reported
from loadtest.bench.readings import COUNT, MB, MS, PERCENT, TIMES, Figures, Unit, ranged
from loadtest.bench.systems import FASTAPI_INLINE, OURS

IN_PROCESS, TRITON, _ = OURS
MOST_GROWTH_MB = 5.0
"""None, said with what two looks at one process may differ by."""
_PRICE, _RECALL = Unit(" ms", 3), Unit(digits=4)
_KERNELS = "throughput with p99 under 50 ms, share of the bare kernels'"
_BATCHES = "`RecommendBatch` of 32, share of the bare kernels'"
_HALF_RATE = "p99 at half of the best peer's highest rate, by that peer's"
_GOODPUT = "goodput at twice the capacity, share of the highest"

GOALS: Sequence[Goal] = (
    at_least(f"{_KERNELS}, through Triton", 0.60, PERCENT, figures.of_kernels(TRITON, "saturation")),
    at_least(f"{_KERNELS}, in the process", 0.70, PERCENT, figures.of_kernels(IN_PROCESS, "saturation")),
    at_most("CPU time a request above the kernels', in the process", 0.2, MS, figures.cpu_above_kernels(IN_PROCESS)),
    at_least(f"{_BATCHES}, in the process", 0.85, PERCENT, figures.of_kernels(IN_PROCESS, "batch")),
    at_least(f"{_BATCHES}, through Triton", 0.70, PERCENT, figures.of_kernels(TRITON, "batch")),
    at_least("throughput by the best peer's, through Triton", 2.2, TIMES, figures.by_best_peer(TRITON)),
    at_least("throughput by the best peer's, in the process", 2.8, TIMES, figures.by_best_peer(IN_PROCESS)),
    at_most(f"{_HALF_RATE}, through Triton", 0.5, TIMES, figures.p99_by_peer(TRITON)),
    at_most(f"{_HALF_RATE}, in the process", 0.5, TIMES, figures.p99_by_peer(IN_PROCESS)),
    at_most("sequential median, through Triton", 1.6, MS, figures.sequential(TRITON)),
    at_most("sequential median, in the process", 0.8, MS, figures.sequential(IN_PROCESS)),
    at_most(
        "sequential median, in the process, by FastAPI inline's",
        0.7,
        TIMES,
        figures.sequential(IN_PROCESS, FASTAPI_INLINE),
    ),
    at_most("what a batch of one pays for batching", 0.1, _PRICE, figures.scenario("batching_cost", "price_ms")),
    at_least("throughput with 1 million items, share of that with 100,000", 0.70, PERCENT, figures.million_by_fewer),
    Goal("10 million items, as codes", "under 6 GB, recall@200 0.9 or more, median under 10 ms", COUNT, lambda _: ()),
    reported("two processes by one, unpinned", TIMES, figures.two_processes_by_one("unpinned")),
    at_least("two processes by one, pinned to a core each", 1.7, TIMES, figures.two_processes_by_one("pinned")),
    at_least(
        "near cache: reads without Redis, read-only", 0.80, PERCENT, figures.scenario("near_cache", "shares", "0.0")
    ),
    at_least(
        "near cache: reads without Redis, 10 % writes", 0.65, PERCENT, figures.scenario("near_cache", "shares", "0.1")
    ),
    at_most(
        "near cache: an update visible in every gateway at half load, p99",
        5.0,
        MS,
        figures.scenario("near_cache", "seen_ms", "p99"),
    ),
    at_most(
        "an acknowledged event visible in every gateway at half load, without the demand, p99",
        5.0,
        MS,
        figures.scenario("near_cache", "event_seen_ms", "p99"),
    ),
    at_least("events recorded a second, in calls of 50", 5_000.0, COUNT, figures.events_per_s),
    at_most(
        "p99 of answers beside 1,000 upserts a second, by that without, at half load",
        1.25,
        TIMES,
        figures.p99_beside_upserts,
    ),
    at_most(
        "`Recommend` with all sources, by the query tower alone, medians", 1.4, TIMES, figures.all_sources_by_one(1)
    ),
    reported("`RecommendBatch` of 32 with all sources, by the same", TIMES, figures.all_sources_by_one(32)),
    reported("a call of a user with 100,000 events, by one with 1,000", TIMES, figures.very_many_by_some),
    at_most(
        "PSS after 100,000 requests, above the index",
        300.0,
        MB,
        figures.above(figures.scenario("memory", "pss_mb", "after_100k"), figures.scenario("memory", "index_mb")),
    ),
    at_most(
        "PSS growth from there to a million requests",
        MOST_GROWTH_MB,
        MB,
        figures.above(
            figures.scenario("memory", "pss_mb", "after_1m"), figures.scenario("memory", "pss_mb", "after_100k")
        ),
    ),
    at_least(f"{_GOODPUT}, native front door", 0.90, PERCENT, figures.goodput_at_twice("native")),
    at_least(f"{_GOODPUT}, grpcio front door", 0.65, PERCENT, figures.goodput_at_twice("grpcio")),
    at_most(
        "a filter that keeps 1 % of 1 million items, by the unfiltered search",
        3.0,
        TIMES,
        figures.narrow_filter("ratio"),
    ),
    at_least(
        "recall@200 of that filter, above the unfiltered search's",
        0.0,
        _RECALL,
        figures.above(figures.narrow_filter("recall"), figures.scenario("filters", "unfiltered_recall")),
    ),
)


def judged(result: Figures) -> list[Judged]:
    """Judge every goal by a result."""
    return [judge(goal, result) for goal in GOALS]


def table(result: Figures) -> list[str]:
    """Write every goal, what was measured, and whether that meets it, as Markdown."""
    lines = ["| figure | goal | median | range | |", "| --- | --- | --- | --- | --- |"]
    for each in judged(result):
        goal, spread = each.goal, each.spread
        median, around = (goal.unit.show(spread.median), ranged(spread, goal.unit)) if spread else ("", "")
        lines.append(f"| {goal.figure} | {goal.wanted} | {median} | {around} | {each.verdict} |")
    return lines
