"""The kinds of panels that the dashboards share, and how a dashboard is put together.

A panel takes its queries as a mapping from legend to expression, in the order in which they are drawn.
"""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Panel = Builder[models.Panel]
Rows = Mapping[str, Sequence[Panel]]
Kind = TypeVar("Kind", timeseries.Panel, heatmap.Panel, stat.Panel, statetimeline.Panel, table.Panel)

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="prometheus")
_HEIGHT = 8
_ALARM = "red"


def lines(
    title: str, reading: str, unit: str, queries: Mapping[str, str], *, width: int = 8, limit: float | None = None
) -> timeseries.Panel:
    """Draw lines, and a dashed one at the limit where there is one."""
    panel = _framed(timeseries.Panel(), title, reading, unit, queries, width)
    panel.line_width(1).fill_opacity(8).axis_soft_min(0).legend(_legend()).tooltip(_every_series())
    if limit is not None:
        steps = [models.Threshold(color="transparent"), models.Threshold(value=limit, color=_ALARM)]
        panel.thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(common_models.GraphTresholdsStyleMode.DASHED))
    return panel


def stacked(title: str, reading: str, unit: str, queries: Mapping[str, str], *, width: int = 8) -> timeseries.Panel:
    """Pile areas up, the first at the bottom."""
    panel = lines(title, reading, unit, queries, width=width)
    return panel.fill_opacity(60).stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))


def stacked_bars(
    title: str, reading: str, unit: str, queries: Mapping[str, str], *, width: int = 8, apart: str
) -> timeseries.Panel:
    """Pile bars up, the first at the bottom; one is set apart by its colour."""
    panel = stacked(title, reading, unit, queries, width=width)
    colour = models.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": _ALARM})
    return panel.draw_style(common_models.GraphDrawStyle.BARS).override_by_name(apart, [colour])


def heat_map(title: str, reading: str, unit: str, histogram: str, *, width: int = 8) -> heatmap.Panel:
    """Draw how a histogram's buckets fill over time; the unit is the buckets'."""
    panel = _framed(heatmap.Panel(), title, reading, unit, {"{{le}}": histogram}, width, PromQueryFormat.HEATMAP)
    colours = heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Oranges")
    panel.color(colours.exponent(0.5).steps(64)).calculate(calculate=False).cell_gap(1)
    return panel.y_axis(heatmap.YAxisConfig().unit(unit)).cell_values(heatmap.CellValues().unit("reqps"))


def number(title: str, reading: str, unit: str, queries: Mapping[str, str], *, width: int = 8) -> stat.Panel:
    """Show the newest value of each series."""
    panel = _framed(stat.Panel(), title, reading, unit, queries, width)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False))
    return panel.color_mode(common_models.BigValueColorMode.NONE).graph_mode(common_models.BigValueGraphMode.NONE)


def states(
    title: str, reading: str, queries: Mapping[str, str], names: Mapping[int, tuple[str, str]], *, width: int = 8
) -> statetimeline.Panel:
    """Draw a strip a series; `names` maps each value to a state's name and colour."""
    panel = _framed(statetimeline.Panel(), title, reading, "none", queries, width)
    options = {
        str(value): models.ValueMappingResult(text=name, color=colour, index=value)
        for value, (name, colour) in names.items()
    }
    panel.mappings([models.ValueMap(options=options)]).row_height(0.8).merge_values(merge_values=True)
    return panel.fill_opacity(70).legend(_legend()).tooltip(_every_series())


def listing(title: str, reading: str, query: str, columns: Sequence[str], *, width: int = 8) -> table.Panel:
    """List the labels of what exists now, in the order of the columns."""
    panel = _framed(table.Panel(), title, reading, "none", {"": query}, width, PromQueryFormat.TABLE)
    hidden = {"Time": True, "Value": True, "__name__": True, "job": True}
    order = {name: place for place, name in enumerate(columns)}
    chosen = models.DataTransformerConfig(
        id_val="organize", options={"excludeByName": hidden, "indexByName": order, "renameByName": {}}
    )
    return panel.with_transformation(chosen).show_header(show_header=True)


def assemble(uid: str, title: str, description: str, rows: Rows) -> models.Dashboard:
    """Put rows of panels together, three panels of the usual width side by side.

    Args:
        uid: Its place in links.
        title: Its name.
        description: What it answers.
        rows: Panels by the title of their row.
    """
    board = dashboard.Dashboard(title).uid(uid).description(description).tags(["shortlist"]).readonly()
    board.time("now-30m", "now").refresh("10s").timezone("browser").tooltip(models.DashboardCursorSync.CROSSHAIR)
    board.with_variable(
        dashboard.QueryVariable("instance")
        .label("Gateway")
        .datasource(DATASOURCE)
        .query("label_values(shortlist_gateway_info, instance)")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all", selected=True))
    )
    for row_title, panels in rows.items():
        board.with_row(dashboard.Row(row_title))
        for panel in panels:
            board.with_panel(panel)
    built = board.build()
    for place, placed in enumerate(built.panels or (), start=1):
        placed.id_val = place
    return built


def _framed(
    panel: Kind,
    title: str,
    reading: str,
    unit: str,
    queries: Mapping[str, str],
    width: int,
    form: PromQueryFormat = PromQueryFormat.TIME_SERIES,
) -> Kind:
    panel.title(title).description(reading).unit(unit).datasource(DATASOURCE).span(width).height(_HEIGHT)
    for ref_id, (legend, expression) in zip(ascii_uppercase, queries.items(), strict=False):
        target = prometheus.Dataquery().ref_id(ref_id).expr(expression).legend_format(legend).format(form)
        panel.with_target(target.instant() if form is PromQueryFormat.TABLE else target.range())
    return panel


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .show_legend(show_legend=True)
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
    )


def _every_series() -> common.VizTooltipOptions:
    return (
        common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI).sort(common_models.SortOrder.DESCENDING)
    )
