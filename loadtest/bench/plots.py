"""The pictures of a benchmark: the same figures give the same file, byte by byte."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from loadtest.bench.curve_plots import draw_index, draw_overload
from loadtest.bench.latency_plot import draw_latency
from loadtest.bench.readings import Figures
from loadtest.bench.stage_plot import draw_stages
from shortlist.offline.quality_plots import STYLE

_DPI = 150
_PLOTS: Mapping[str, tuple[tuple[float, float], Callable[[Any, Figures], bool]]] = MappingProxyType(
    {
        "latency": ((9.0, 4.4), draw_latency),
        "stages": ((9.0, 5.6), draw_stages),
        "overload": ((9.0, 3.8), draw_overload),
        "index": ((9.0, 3.8), draw_index),
    }
)
"""Width and height in inches, and what draws into a figure: False where there is nothing to draw."""


def write_plots(result: Figures, folder: Path) -> list[str]:
    """Draw what was measured, as PNG; one that cannot be drawn is not there afterwards either.

    Args:
        result: As `make bench` keeps it.
        folder: Takes NAME.png of each.

    Returns:
        The names of those that were drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, (size, draw) in _PLOTS.items():
        path = folder / f"{name}.png"
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=size, layout="constrained")
            if draw(figure, result):
                figure.savefig(path, dpi=_DPI, metadata={"Software": None})
                drawn.append(name)
            else:
                path.unlink(missing_ok=True)
    return drawn
