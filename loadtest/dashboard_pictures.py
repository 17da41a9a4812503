"""Draw the dashboards for README from a run with faults: `make dashboard-pictures`.

Everything that runs is real but Grafana: titles, queries and layout are read from the committed JSON, values come from
a Prometheus that watched the shipped release under load.
"""

import argparse
import tempfile
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from loadtest.machine import describe
from loadtest.panel_drawing import INK, PAGE, PANEL, Curve, draw
from shortlist.core.arrays import F64
from shortlist.release.bundle import Release
from support.dashboards import NAMES, DashboardPanel, dashboard
from support.monitored_cluster import MonitoredCluster, Run, monitored_cluster, play

OUT = Path("docs/dashboards")
STEP_S = 1.0
WINDOW_S = 8.0
WIDTH_INCHES, UNIT_INCHES, DOTS_PER_INCH = 15.0, 0.31, 100
COLUMNS = 24
CAPTION = "Drawn from measured series, Grafana itself was not run. Shaded: Triton away, then Redis."
AWAY = "#33191f"
HAS_LEGEND = {"timeseries", "state-timeline"}
COLOURS = 256
"""Of the picture's palette: fewer bytes, and no difference that an eye sees."""


def curves_of(cluster: MonitoredCluster, run: Run, panel: DashboardPanel, moments: F64) -> list[Curve]:
    """Ask Prometheus what a panel shows, on the common grid of moments in seconds since 1970."""
    curves = []
    for query in panel.queries:
        for labels, samples in cluster.prometheus.asked(query, run.start_s, run.end_s, STEP_S, WINDOW_S):
            values = np.full(len(moments), np.nan)
            places = np.rint((np.array([moment for moment, _ in samples]) - run.start_s) / STEP_S).astype(int)
            values[places.clip(0, len(moments) - 1)] = [value for _, value in samples]
            curves.append(Curve(query.named(labels), labels, values))
    return curves


def picture(cluster: MonitoredCluster, run: Run, name: str, measured_on: str) -> bytes:
    """Draw a dashboard; a PNG."""
    board = dashboard(name)
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"]) + 3
    figure = Figure((WIDTH_INCHES, rows * UNIT_INCHES), facecolor=PAGE)
    moments = np.arange(run.start_s, run.end_s, STEP_S)
    figure.text(0.008, 1 - 0.9 / rows, board["title"], color=INK, fontsize=15, va="center")
    figure.text(0.992, 1 - 0.9 / rows, f"{CAPTION} {measured_on}", color=INK, fontsize=8.5, va="center", ha="right")
    for json in board["panels"]:
        left, width, top, height = _place(json["gridPos"], rows)
        if json["type"] == "row":
            figure.text(left, top - 0.6 * height, f"⌄ {json['title']}", color=INK, fontsize=11, va="center")
            continue
        panel = DashboardPanel(name, json)
        _background(figure, left, width, top, height)
        figure.text(left + 0.006, top - 0.9 / rows, panel.title, color=INK, fontsize=9.5, va="center")
        margin, below = (0.052 if panel.kind == "state-timeline" else 0.042), (2.4 if panel.kind in HAS_LEGEND else 1.1)
        box = (left + margin, top - height + below / rows, width - margin - 0.010, height - (below + 1.5) / rows)
        axes = figure.add_axes(box)
        draw(axes, json, moments - run.start_s, curves_of(cluster, run, panel, moments))
        if axes.axison:
            for _part, gone_s, back_s in run.faults:
                axes.axvspan(gone_s - run.start_s, back_s - run.start_s, color=AWAY, linewidth=0, zorder=0)
    return _png(figure)


def _place(grid: dict[str, int], rows: int) -> tuple[float, float, float, float]:
    """Turn Grafana's grid into left, width, top and height, as shares of the figure with a title above."""
    return grid["x"] / COLUMNS + 0.004, grid["w"] / COLUMNS - 0.008, 1 - (grid["y"] + 2) / rows, grid["h"] / rows


def _background(figure: Figure, left: float, width: float, top: float, height: float) -> None:
    gap = 0.004
    axes = figure.add_axes((left, top - height + gap / 2, width, height - gap))
    axes.set_facecolor(PANEL)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#25282d")


def _png(figure: Figure) -> bytes:
    drawn, packed = BytesIO(), BytesIO()
    figure.savefig(drawn, dpi=DOTS_PER_INCH, format="png")
    Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(packed, "png", optimize=True)
    return packed.getvalue()


def main() -> None:
    """Run the cluster and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--release", type=Path, required=True, help="directory of the release")
    parser.add_argument("--hold", type=float, default=20.0, help="seconds that each phase goes on")
    arguments = parser.parse_args()
    mpl.rcParams["font.family"] = "DejaVu Sans"
    OUT.mkdir(exist_ok=True)
    measured_on = describe()
    with (
        tempfile.TemporaryDirectory() as directory,
        monitored_cluster(Release.open(arguments.release), Path(directory)) as cluster,
    ):
        run = play(cluster, hold_s=arguments.hold, should_overrun=False)
        pictures = {name: picture(cluster, run, name, measured_on) for name in NAMES}
    for name, png in pictures.items():
        (OUT / f"{name}.png").write_bytes(png)


if __name__ == "__main__":
    main()
