"""Draws panels of the dashboards from measured series, in a look close to Grafana's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from loadtest.panel_units import scale_of, written
from shortlist.core.arrays import F64

PAGE, PANEL, INK, FAINT, ALARM = "#111217", "#181b1f", "#ccccdc", "#2f343b", "#f2495c"
PALETTE = (
    "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#5794f2", "#b877d9", "#ca95e5", "#37872d", "#00b3a4", "#fade2a",
)  # fmt: skip
STATES = {"red": "#e02f44", "yellow": "#fade2a", "green": "#56a64b"}
_HEAT = ListedColormap(colormaps["inferno"](np.linspace(0.15, 1.0, 64)))
_SMALL = 7.5
_LINES = 3
_CHARACTERS = 9.5
"""What a column of Grafana's grid has room for, in characters of the legend."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A series on the common grid of moments, NaN where it has no sample.

    Args:
        name: What the legend calls it.
        labels: Its labels.
        values: (T,) float64.
    """

    name: str
    labels: Mapping[str, str]
    values: F64


def draw(axes: Axes, panel: Mapping[str, Any], moments: F64, curves: Sequence[Curve]) -> None:
    """Draw a panel.

    Args:
        axes: Where to.
        panel: As Grafana reads it.
        moments: (T,) float64, seconds since the beginning.
        curves: What its queries gave, in their order.
    """
    axes.set_facecolor(PANEL)
    axes.tick_params(colors=INK, labelsize=_SMALL, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    _BY_KIND[panel["type"]](axes, panel, moments, curves)


def _lines(axes: Axes, panel: Mapping[str, Any], moments: F64, curves: Sequence[Curve]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    colours = _colours(panel, curves)
    values = np.array([curve.values for curve in curves])
    if custom.get("stacking", {}).get("mode") == "normal":
        heights = np.nan_to_num(values)
        axes.stackplot(moments, heights, colors=colours, step="mid" if custom.get("drawStyle") == "bars" else None)
        values = heights.sum(axis=0)
    else:
        for curve, colour in zip(curves, colours, strict=True):
            axes.plot(moments, curve.values, color=colour, linewidth=1.1)
    low, high = min(float(np.nanmin(values)), 0.0), max(float(np.nanmax(values)), 0.0)
    if low == high:
        high = 1.0
    axes.set_ylim(low * 1.08, high * 1.08)
    if custom.get("thresholdsStyle", {}).get("mode") == "dashed":
        limit = defaults["thresholds"]["steps"][1]["value"]
        axes.axhline(limit, color=ALARM, linewidth=0.9, linestyle=(0, (5, 4)))
    _time_axis(axes, moments)
    _value_axis(axes, low, high, defaults["unit"])
    risen = sorted(range(len(curves)), key=lambda place: not np.nanmax(curves[place].values) > 0)
    _legend(axes, panel, [colours[place] for place in risen], [curves[place].name for place in risen])


def _colours(panel: Mapping[str, Any], curves: Sequence[Curve]) -> list[str]:
    """Give each curve the next colour, and the one that is set apart its own."""
    apart = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
    usual = cycle(PALETTE)
    return [ALARM if curve.name in apart else next(usual) for curve in curves]


def _heat_map(axes: Axes, panel: Mapping[str, Any], moments: F64, curves: Sequence[Curve]) -> None:
    ordered = sorted(curves, key=lambda curve: float(curve.labels["le"]))
    bounds = [float(curve.labels["le"]) for curve in ordered]
    cells = np.diff(np.nan_to_num([curve.values for curve in ordered]), axis=0, prepend=0.0).clip(0.0)
    filled = np.flatnonzero(cells.max(axis=1) > 0)
    low, high = int(filled[0]), int(filled[-1]) + 1
    columns = np.append(moments, 2 * moments[-1] - moments[-2])
    shown = np.ma.masked_equal(np.sqrt(cells[low:high]), 0.0)
    axes.pcolormesh(columns, np.arange(low, high + 1), shown, cmap=_HEAT, rasterized=True)
    unit = panel["fieldConfig"]["defaults"]["unit"]
    named = [place for place in range(low, high, max(1, (high - low) // 6)) if np.isfinite(bounds[place])]
    axes.set_yticks([place + 1 for place in named], [written(bounds[place], unit) for place in named])
    _time_axis(axes, moments)


def _states(axes: Axes, panel: Mapping[str, Any], moments: F64, curves: Sequence[Curve]) -> None:
    names = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    step = float(moments[1] - moments[0]) * 1.02
    for place, curve in enumerate(curves):
        for value, state in names.items():
            held = [(float(moment), step) for moment in moments[curve.values == float(value)]]
            axes.broken_barh(held, (place - 0.36, 0.72), color=STATES[state["color"]])
    axes.set_yticks(range(len(curves)), [curve.name for curve in curves])
    axes.invert_yaxis()
    _time_axis(axes, moments)
    axes.grid(visible=False)
    states = names.values()
    _legend(axes, panel, [STATES[state["color"]] for state in states], [state["text"] for state in states])


def _number(axes: Axes, panel: Mapping[str, Any], _moments: F64, curves: Sequence[Curve]) -> None:
    axes.set_axis_off()
    for place, curve in enumerate(curves):
        height = 1 - (place + 0.5) / len(curves)
        newest = float(curve.values[np.isfinite(curve.values)][-1])
        text = written(newest, panel["fieldConfig"]["defaults"]["unit"])
        axes.text(0.5, height, text, color=PALETTE[0], fontsize=22, ha="center", transform=axes.transAxes)
        axes.text(0.5, height - 0.16, curve.name, color=INK, fontsize=8, ha="center", transform=axes.transAxes)


def _table(axes: Axes, panel: Mapping[str, Any], _moments: F64, curves: Sequence[Curve]) -> None:
    axes.set_axis_off()
    order = panel["transformations"][0]["options"]["indexByName"]
    columns = [[column, *(curve.labels[column] for curve in curves)] for column in sorted(order, key=order.get)]
    widths = [max(map(len, column)) + 3 for column in columns]
    for place, column in enumerate(columns):
        left = sum(widths[:place]) / sum(widths)
        for row, text in enumerate(column):
            colour = INK if row else PALETTE[2]
            axes.text(left, 0.9 - 0.13 * row, text, color=colour, fontsize=8.5, transform=axes.transAxes)
    axes.plot([0, 1], [0.86, 0.86], color=FAINT, linewidth=0.8, transform=axes.transAxes)


def _time_axis(axes: Axes, moments: F64) -> None:
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlim(float(moments[0]), float(moments[-1]))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 1.5, 2, 3, 6]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{int(value) // 60}:{int(value) % 60:02}"))


def _value_axis(axes: Axes, low: float, high: float, unit: str) -> None:
    """Mark round values in the one scale that fits the highest."""
    scale = scale_of(max(high, -low), unit)
    ticks = np.asarray(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low / scale[0], high / scale[0])) * scale[0]
    shown = [tick for tick in ticks.tolist() if low * 1.08 <= tick <= high * 1.08]
    axes.set_yticks(shown, [written(tick, unit, scale) for tick in shown])


def _legend(axes: Axes, panel: Mapping[str, Any], colours: Sequence[str], names: Sequence[str]) -> None:
    """Name what is drawn below it, in as many lines as there is room for; then say how many are left out."""
    room = panel["gridPos"]["w"] * _CHARACTERS
    columns = max(1, min(len(names), int(room // (max(map(len, names)) + 6))))
    shown = list(names[: _LINES * columns])
    if len(shown) < len(names):
        shown[-1] += f" and {len(names) - len(shown)} more"
    axes.legend(
        [Patch(color=colour) for colour in colours[: len(shown)]],
        shown,
        loc="upper left",
        bbox_to_anchor=(-0.02, -0.13),
        ncols=columns,
        frameon=False,
        fontsize=_SMALL,
        labelcolor=INK,
        handlelength=1.0,
        handleheight=0.3,
        columnspacing=1.0,
        borderaxespad=0.0,
    )


_BY_KIND: Mapping[str, Callable[[Axes, Mapping[str, Any], F64, Sequence[Curve]], None]] = {
    "timeseries": _lines,
    "heatmap": _heat_map,
    "state-timeline": _states,
    "stat": _number,
    "table": _table,
}
