"""The committed dashboards are those that the code builds, and ask for nothing that the code does not measure."""

import re
from collections import Counter
from typing import Any

import grpc
import pytest
import yaml
from deploy.grafana.build import render
from prometheus_client import CollectorRegistry

from shortlist.gateway.servicer import METHODS
from shortlist.telemetry.answers import AnswerMetrics
from shortlist.telemetry.gateway import STAGES, GatewayMetrics
from shortlist.telemetry.near_cache import NearCacheMetrics
from support.dashboards import DASHBOARDS, NAMES, DashboardPanel, dashboard, every_panel

DEPLOY = DASHBOARDS.parents[1]
PROVISIONING = DASHBOARDS.parent / "provisioning"
SOURCES = ("tower", "popular")
SCRAPED = {"job", "instance"}
"""Labels that Prometheus adds to everything that it scrapes."""

PANELS = every_panel()
Labels = dict[str, set[str]]

every = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: f"{panel.dashboard}: {panel.title}")


@pytest.fixture(scope="module")
def measured() -> dict[str, Labels]:
    """Register everything that a gateway measures; label values by label by the name of each sample."""
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry, METHODS, [code.name for code in grpc.StatusCode], SOURCES)
    metrics.info.labels("version", "release", "front", "ranker", "device")
    AnswerMetrics(registry, SOURCES, rows=3, items=1)
    NearCacheMetrics(registry)
    found: dict[str, Labels] = {}
    for family in registry.collect():
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


def selectors(expression: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """List our metrics in an expression, each with its matchers: labels and what they are compared with."""
    return [
        (name, re.findall(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"', matchers))
        for name, matchers in re.findall(r"\b(shortlist_\w+)(?:\{([^}]*)\})?", expression)
    ]


def grouping_labels(expression: str) -> set[str]:
    """Name the labels that an expression groups by."""
    lists = re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", expression)
    return {label.strip() for names in lists for label in names.split(",")}


def test_the_committed_json_is_what_a_build_writes() -> None:
    committed = {path.name: path.read_text() for path in DASHBOARDS.glob("*.json")}
    assert committed == render(), "run `make dashboards` and commit what it writes"


def test_ids_are_unique() -> None:
    assert len({dashboard(name)["uid"] for name in NAMES}) == len(NAMES)
    for name in NAMES:
        ids = Counter(panel["id"] for panel in dashboard(name)["panels"])
        assert ids.most_common(1)[0][1] == 1
        assert min(ids) > 0


@pytest.mark.parametrize("name", NAMES)
def test_titles_are_unique_and_panels_do_not_overlap(name: str) -> None:
    panels = dashboard(name)["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels)

    places = [
        (column, row)
        for place in (panel["gridPos"] for panel in panels)
        for column in range(place["x"], place["x"] + place["w"])
        for row in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(column for column, _ in places) < 24


@every
def test_a_panel_says_in_a_sentence_how_to_read_it_and_has_a_unit(panel: DashboardPanel) -> None:
    description = panel.json["description"]
    assert re.fullmatch(r"[A-Z0-9].*[^.]\.", description)
    assert ". " not in description, "one sentence"
    assert panel.json["fieldConfig"]["defaults"]["unit"]
    assert panel.queries


@every
def test_nothing_is_padded(panel: DashboardPanel) -> None:
    assert "noValue" not in panel.json["fieldConfig"]["defaults"]
    for query in panel.queries:
        assert not re.search(r"\bor\b|\bvector\b|\babsent", query.expression)


@every
def test_our_metrics_exist_with_the_labels_and_values_that_a_panel_names(
    measured: dict[str, Labels], panel: DashboardPanel
) -> None:
    for query in panel.queries:
        known: set[str] = set()
        for name, matchers in selectors(query.expression):
            assert name in measured
            known |= measured[name].keys() | SCRAPED
            for label, compared in matchers:
                assert label in measured[name].keys() | SCRAPED
                named = set(compared.split("|")) - {"$instance"}
                assert named <= measured[name].get(label, set()), f"{label} of {name}"
        if known:
            assert grouping_labels(query.expression) | set(re.findall(r"{{(\w+)}}", query.legend)) <= known


def test_the_waterfall_shows_the_queue_and_every_stage_of_the_pipeline() -> None:
    (waterfall,) = (panel for panel in PANELS if panel.title == "Waterfall of stages")
    legends = [query.legend for query in waterfall.queries]

    assert legends[0] == "queue"
    assert [legend for legend in legends if legend in STAGES] == [stage for stage in STAGES if stage != "similar"]
    assert legends.index("{{stage}}") == legends.index("merge") - 1


def test_objectives_count_the_same_calls_as_the_alerts() -> None:
    recorded = (DEPLOY / "prometheus" / "rules" / "recording.yml").read_text()
    for title in ("Availability budget burn", "Latency budget burn"):
        (panel,) = (panel for panel in PANELS if panel.title == title)
        named = re.findall(r'(code=~"[^"]*"|method="[^"]*"|le="[^"]*")', panel.queries[0].expression)
        assert named
        assert all(matcher in recorded for matcher in named)


def test_grafana_is_given_the_prometheus_that_every_panel_asks() -> None:
    (source,) = provisioned("datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert {panel.json["datasource"]["uid"] for panel in PANELS} == {source["uid"]}
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == scraped["global"]["scrape_interval"]


def test_grafana_is_given_the_dashboards_from_where_compose_puts_them() -> None:
    (provider,) = provisioned("dashboards/shortlist.yml")["providers"]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    volumes = compose["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in volumes
    assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in volumes
    assert provider["folder"] == "Shortlist"
    assert provider["editable"] is False
    assert provider["allowUiUpdates"] is False


def provisioned(path: str) -> dict[str, Any]:
    """Read a file of the provisioning."""
    read: dict[str, Any] = yaml.safe_load((PROVISIONING / path).read_text())
    return read
