"""Plots of the quality report: the same figures give the same file, byte by byte."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from shortlist.offline.measure import TWO_STAGE, Measured, gain

STYLE: dict[Any, Any] = {"svg.hashsalt": "shortlist", "svg.fonttype": "none", "font.size": 9.0}
OURS, THEIRS = "#1b6ca8", "#9aa5b1"


def write_plot(models: Mapping[str, Measured], title: str, path: Path) -> None:
    """Draw NDCG@10 of all models, and how much better the two stages are than each, with 95 % intervals, as SVG."""
    order = sorted(models, key=lambda name: models[name].quality.ndcg_at_10)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 0.6 + 0.32 * len(order)), layout="constrained")
        means, gains = figure.subplots(1, 2, sharey=True)
        colours = [OURS if name == TWO_STAGE else THEIRS for name in order]
        bars = means.barh(order, [models[name].quality.ndcg_at_10 for name in order], color=colours)
        means.bar_label(bars, fmt="%.3f", padding=3)
        means.margins(x=0.15)
        means.set_title(f"{title}: NDCG@10")
        for name in order:
            if name != TWO_STAGE:
                over = gain(models[TWO_STAGE].ndcg, models[name].ndcg)
                gains.plot([100 * over.low, 100 * over.high], [name, name], color=OURS)
                gains.plot([100 * over.relative], [name], "o", color=OURS)
        gains.axvline(0.0, color="black", linewidth=0.8)
        gains.set_title(f"gain of {TWO_STAGE} over each, %")
        for axes in (means, gains):
            axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, format="svg", metadata={"Date": None})
