"""The Pareto plot of a ranker's variants: the same figures give the same file, byte by byte."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from shortlist.offline.gate import LEAST_AGREEMENT
from shortlist.offline.quality_plots import OURS, STYLE, THEIRS
from shortlist.offline.ranker_comparison import Compared

_AREA = 400.0  # square points, of the largest file
_LINE = 0.052  # of the plot's height: what a label needs


def front(variants: Mapping[str, Compared]) -> list[str]:
    """Name those that no other beats, fastest first: none is as fast and agrees as much, and better in either."""
    places = {name: (variant.microseconds[32], -variant.top20_agreement) for name, variant in variants.items()}

    def is_beaten(place: tuple[float, float]) -> bool:
        return any(other[0] <= place[0] and other[1] <= place[1] and other != place for other in places.values())

    return sorted((name for name, place in places.items() if not is_beaten(place)), key=places.__getitem__)


def write_front_plot(variants: Mapping[str, Compared], served: str, title: str, path: Path) -> None:
    """Draw how much each variant agrees with the first by its time at batch 32, as SVG.

    The line of dashes is the least that the quality gate allows; areas go with the size of the file.
    """
    names = list(variants)
    across = np.array([variants[name].microseconds[32] / 1e3 for name in names])
    upward = np.array([variants[name].top20_agreement * 100 for name in names])
    largest = max(variant.size_bytes for variant in variants.values())
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 5.0), layout="constrained")
        axes = figure.subplots()
        best = [names.index(name) for name in front(variants)]
        axes.plot(across[best], upward[best], color=OURS, linewidth=1.0, zorder=1)
        for place, name in enumerate(names):
            variant, colour = variants[name], OURS if name == served else THEIRS
            area = _AREA * variant.size_bytes / largest
            above = 4 if name == served else 3
            axes.scatter(
                across[place], upward[place], area, color=colour, edgecolor="black", linewidth=0.6, zorder=above
            )
        axes.axhline(LEAST_AGREEMENT * 100, color="black", linewidth=0.8, linestyle="dashed", zorder=0)
        axes.margins(x=0.08, y=0.12)
        heights = apart([axes.transLimits.transform(place)[1] for place in zip(across, upward, strict=True)], _LINE)
        for place, name in enumerate(names):
            axes.annotate(
                f"{name} (served)" if name == served else name,
                (across[place], upward[place]),
                (1.04, heights[place]),
                textcoords="axes fraction",
                verticalalignment="center",
                arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": THEIRS, "relpos": (0.0, 0.5)},
            )
        axes.set_title(f"{title}: the ranker's variants")
        axes.set_xlabel("ms for a batch of 32 requests, one thread")
        axes.set_ylabel("agreement with fp32 on the top 20, %")
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, format="svg", metadata={"Date": None})


def apart(heights: Sequence[float], line: float) -> list[float]:
    """Move labels up, the lowest first, until no two are nearer than a line; of two at one height, the first stays."""
    placed = [0.0] * len(heights)
    floor = -np.inf
    for label in sorted(range(len(heights)), key=heights.__getitem__):
        placed[label] = float(max(heights[label], floor))
        floor = placed[label] + line
    return placed
