"""The committed dashboards are those that the code builds, and ask for nothing that the code does not measure."""

import re
from collections import Counter
from typing import Any

import pytest
import yaml
from deploy.grafana.build import render

from shortlist.telemetry.gateway import STAGES
from support.dashboards import DASHBOARDS, NAMES, DashboardPanel, dashboard, every_panel
from support.measured_metrics import SCRAPED, Labels, grouping_labels, measured

DEPLOY = DASHBOARDS.parents[1]
PROVISIONING = DASHBOARDS.parent / "provisioning"

PANELS = every_panel()

every = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: f"{panel.dashboard}: {panel.title}")


@pytest.fixture(scope="module")
def known() -> dict[str, Labels]:
    """Everything that is measured."""
    return measured()


def selectors(expression: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """List our metrics in an expression, each with its matchers: labels and what they are compared with."""
    return [
        (name, re.findall(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"', matchers))
        for name, matchers in re.findall(r"\b(shortlist_\w+)(?:\{([^}]*)\})?", expression)
    ]


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
    known: dict[str, Labels], panel: DashboardPanel
) -> None:
    for query in panel.queries:
        labels: set[str] = set()
        for name, matchers in selectors(query.expression):
            assert name in known
            labels |= known[name].keys() | SCRAPED
            for label, compared in matchers:
                assert label in known[name].keys() | SCRAPED
                named = set(compared.split("|")) - {"$instance"}
                assert named <= known[name].get(label, set()), f"{label} of {name}"
        if labels:
            assert grouping_labels(query.expression) | set(re.findall(r"{{(\w+)}}", query.legend)) <= labels


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
