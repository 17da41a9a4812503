"""Two curves: what comes back past saturation, and what of the nearest items an index finds in what time."""

from itertools import cycle
from typing import Any

from matplotlib.ticker import LogLocator, NullFormatter

from loadtest.bench.readings import Figures, part
from shortlist.offline.index_choice import LEAST_RECALL
from shortlist.offline.quality_plots import OURS

_COLOURS = (OURS, "#616e7c")


def draw_overload(drawing: Any, result: Figures) -> bool:
    """Draw goodput behind each front door; False where none was measured."""
    if not (fronts := part(result, "scenarios", "overload")):
        return False
    axes = drawing.subplots()
    for colour, (front, curve) in zip(cycle(_COLOURS), fronts.items(), strict=False):
        points, capacity = curve["points"], curve["capacity"]
        rates, goodput = ([point[name] for point in points] for name in ("rate", "goodput_per_s"))
        axes.plot(rates, goodput, "o-", color=colour, markersize=4.5, linewidth=1.4)
        axes.annotate(
            f"{front}", (rates[-1], goodput[-1]), (6, 0), textcoords="offset points", va="center", color=colour
        )
        axes.axvline(capacity, color=colour, linewidth=0.8, linestyle="dotted", zorder=0)
        axes.annotate(f"{capacity:,.0f}", (capacity, 0), (3, 3), textcoords="offset points", color=colour)
    axes.margins(x=0.1, y=0.15)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.axline((0, 0), slope=1.0, color="black", linewidth=0.6, zorder=0)
    axes.set_title("goodput; dotted: the highest rate with p99 under 50 ms; thin: as much as is asked for")
    axes.set_xlabel("calls a second asked for")
    axes.set_ylabel("whole answers in time a second")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)
    return True


def draw_index(drawing: Any, result: Figures) -> bool:
    """Draw recall over the time of a query, a line for each number of items; False where no index was tuned."""
    if not (tuned := part(result, "scenarios", "index_tuning")):
        return False
    axes = drawing.subplots()
    for colour, (items, evidence) in zip(cycle(_COLOURS), tuned.items(), strict=False):
        tried = evidence["tried"]
        times_us, recalls = ([point[name] for point in tried] for name in ("microseconds", "recall_at_200"))
        axes.plot(
            times_us,
            recalls,
            "o-",
            color=colour,
            markersize=4.5,
            linewidth=1.4,
            markerfacecolor="white",
            label=f"{int(items):,} items",
        )
        if enough := next((point for point in tried if point["recall_at_200"] >= LEAST_RECALL), None):
            place = enough["microseconds"], enough["recall_at_200"]
            words = ", ".join(f"{name} {value:g}" for name, value in enough["setting"].items())
            axes.plot(*place, "o", color=colour, markersize=6, zorder=3)
            axes.annotate(words, place, (4, -12), textcoords="offset points", color=colour)
    axes.axhline(LEAST_RECALL, color="black", linewidth=0.8, linestyle="dashed", zorder=0)
    axes.annotate(
        f"{LEAST_RECALL:g}", (0.0, LEAST_RECALL), (3, 2), xycoords=("axes fraction", "data"), textcoords="offset points"
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title("recall of the 200 nearest; filled: the first setting that finds enough")
    axes.set_xlabel("µs a query, one thread")
    axes.set_ylabel("recall@200")
    axes.legend(loc="lower right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return True
