"""The committed dashboards, as whoever checks or draws their panels needs them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DASHBOARDS = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"
NAMES = ("service", "parts", "recommendations")


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """One query of a panel; `legend` may name labels in double braces."""

    expression: str
    legend: str
    is_instant: bool

    def filled(self, window_s: float) -> str:
        """Put values in for Grafana's variables: every gateway, and rates over this window."""
        return self.expression.replace("$__rate_interval", f"{window_s:.0f}s").replace("$instance", ".*")

    def named(self, labels: Mapping[str, str]) -> str:
        """Name a series as the legend does."""
        return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), self.legend)


@dataclass(frozen=True, slots=True)
class DashboardPanel:
    """A panel of a dashboard; `json` is as Grafana reads it."""

    dashboard: str
    json: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Its title."""
        return str(self.json["title"])

    @property
    def kind(self) -> str:
        """What draws it."""
        return str(self.json["type"])

    @property
    def queries(self) -> list[PanelQuery]:
        """Its queries, in the order in which they are drawn."""
        return [
            PanelQuery(target["expr"], target["legendFormat"], bool(target.get("instant")))
            for target in self.json["targets"]
        ]


def dashboard(name: str) -> dict[str, Any]:
    """Read a dashboard."""
    read: dict[str, Any] = json.loads((DASHBOARDS / f"{name}.json").read_text())
    return read


def panels_of(name: str) -> list[DashboardPanel]:
    """List a dashboard's panels, its headings left out."""
    return [DashboardPanel(name, panel) for panel in dashboard(name)["panels"] if panel["type"] != "row"]


def every_panel() -> list[DashboardPanel]:
    """List the panels of every dashboard."""
    return [panel for name in NAMES for panel in panels_of(name)]
