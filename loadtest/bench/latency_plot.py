"""Latency against throughput, a line for each system.

A line joins the runs at a rate: half of the best peer's, and the steps of the searches for the highest rate. Those of
all rounds at nearly the same rate are one point, their median. Where a percentile never came the line leaves the
picture. A lone caller is a hollow point by itself: one call after another is no rate that was asked for.
"""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.bench.readings import MS, Figures, by_round, figure, part
from loadtest.bench.systems import OURS
from loadtest.bench.tables import systems_of
from loadtest.saturation import P99_LIMIT_MS
from shortlist.offline.quality_plots import OURS as BLUE

_SAME_RATE = 1.04
_BLUES, _GREYS = (BLUE, "#4f97cf", "#8fc1e8"), ("#323f4b", "#616e7c", "#8a97a6", "#b3bec9", "#b59f83")
_MARKERS = "oDsvX^P*"
_PERCENTILES = {"p50_ms": "median (p50)", "p99_ms": "p99"}
_LOWEST_MS, _HIGHEST_MS = 0.3, 1_000.0


@dataclass(frozen=True, slots=True)
class Point:
    """Answers a second, and the latencies there in milliseconds; infinite: it never came."""

    answers_per_s: float
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, answers_per_s: float, runs: Sequence[Figures]) -> "Point":
        """Take the medians of runs."""
        return cls(answers_per_s, *(statistics.median(by_round(runs, _reader(name))) for name in _PERCENTILES))


def _reader(name: str) -> Any:
    return lambda run: figure(run, name)


def draw_latency(drawing: Any, result: Figures) -> bool:
    """Draw p50 and p99 over answers a second; False without systems."""
    systems = systems_of(result)
    panels = drawing.subplots(1, 2, sharex=True, sharey=True)
    greys = iter(_GREYS)
    for place, system in enumerate(systems):
        style = {
            "marker": _MARKERS[place],
            "markersize": 4.5,
            "color": _BLUES[OURS.index(system)] if system in OURS else next(greys),
            "zorder": 3 if system in OURS else 2,
        }
        joined, alone = list(line(result, system)), lone(result, system)
        for axes, percentile in zip(panels, _PERCENTILES, strict=True):
            rates = [point.answers_per_s for point in joined]
            # What never came is far above the picture.
            latencies = [min(getattr(point, percentile), 1e3 * _HIGHEST_MS) for point in joined]
            axes.plot(rates, latencies, label=system, linewidth=1.4, **style)
            if alone is not None:
                axes.plot(alone.answers_per_s, getattr(alone, percentile), markerfacecolor="white", **style)
    for axes, title in zip(panels, _PERCENTILES.values(), strict=True):
        _finish(axes, title)
    panels[0].set_ylabel("latency, ms")
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return bool(systems)


def line(result: Figures, system: str) -> Iterator[Point]:
    """List what was measured of a system at a rate, by rising rate."""
    runs = [run for figures in part(result, "half_rate", "rounds") or () if (run := figures.get(system))]
    for figures in result["rounds"]:
        runs += part(figures, "systems", system, "saturation", "steps") or ()
    for group in grouped([run for run in runs if "rate" in run]):
        yield Point.of(statistics.median(by_round(group, _reader("answers_per_s"))), group)


def lone(result: Figures, system: str) -> Point | None:
    """Place a lone caller of a system, which asks as often as it is answered; None where none was measured."""
    found = [part(figures, "systems", system, "sequential") for figures in result["rounds"]]
    runs = [run for run in found if run and run["p50_ms"] is not None]
    return Point.of(1e3 / statistics.median(run["p50_ms"] for run in runs), runs) if runs else None


def grouped(runs: Sequence[Figures]) -> list[list[Figures]]:
    """Put runs together by rising rate, those in a group with rates at most 4 % above that of its first."""
    groups: list[list[Figures]] = []
    for run in sorted(runs, key=lambda run: float(run["rate"])):
        if groups and run["rate"] <= _SAME_RATE * groups[-1][0]["rate"]:
            groups[-1].append(run)
        else:
            groups.append([run])
    return groups


def _finish(axes: Any, title: str) -> None:
    axes.set_title(title)
    axes.set_yscale("log")
    axes.set_ylim(_LOWEST_MS, _HIGHEST_MS)
    axes.set_xlim(left=0)
    axes.set_xlabel("answers a second; hollow: a lone caller")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.grid(axis="y", linewidth=0.4, color="#d8dee4")
    axes.axhline(P99_LIMIT_MS, color="black", linewidth=0.8, linestyle="dashed", zorder=1)
    axes.annotate(MS.bound(P99_LIMIT_MS), (0.01, P99_LIMIT_MS), xycoords=("axes fraction", "data"), va="bottom")
    axes.spines[["top", "right"]].set_visible(False)
