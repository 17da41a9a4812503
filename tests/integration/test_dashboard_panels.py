"""Every query of every dashboard, asked of a real Prometheus that watched a real cluster through faults."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from shortlist.release.bundle import Release
from support.dashboards import DashboardPanel, PanelQuery, every_panel
from support.monitored_cluster import Run, monitored_cluster, play
from support.prometheus_server import Prometheus, Series

STEP_S = 1.0
WINDOW_S = 4.0
"""Of rates: at a scrape every half second, what Grafana would choose too."""

PANELS = every_panel()


@dataclass(frozen=True, slots=True)
class Watched:
    """A run of the cluster as Prometheus saw it."""

    prometheus: Prometheus
    run: Run

    def series(self, query: PanelQuery) -> list[Series]:
        """Ask as Grafana would; the series that hold a finite sample."""
        return self.prometheus.asked(query, self.run.start_s, self.run.end_s, STEP_S, WINDOW_S)


@pytest.fixture(scope="module")
def watched(tiny_release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Load a cluster, take its parts away and bring them back."""
    with monitored_cluster(tiny_release, tmp_path_factory.mktemp("monitored")) as cluster:
        yield Watched(cluster.prometheus, play(cluster, should_overrun=True))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: f"{panel.dashboard}: {panel.title}")
def test_every_query_of_the_panel_has_series_that_its_legend_can_name(watched: Watched, panel: DashboardPanel) -> None:
    for query in panel.queries:
        found = watched.series(query)

        assert found, f"no series: {query.expression}"
        for label in re.findall(r"{{(\w+)}}", query.legend):
            assert all(labels.get(label) for labels, _ in found), f"{label} is missing: {query.expression}"


@pytest.mark.parametrize(
    ("faulty", "seen"),
    [
        ("Degraded answers by reason", {"ranker_unavailable", "features_unavailable"}),
        ("Dependency errors", {"triton", "redis"}),
        ("Breakers", {"triton", "redis"}),
    ],
)
def test_the_faults_show(watched: Watched, faulty: str, seen: set[str]) -> None:
    (panel,) = (panel for panel in PANELS if panel.title == faulty)
    query = panel.queries[0]
    label = query.legend.strip("{}")

    found = watched.series(query)

    assert {labels[label] for labels, samples in found if max(value for _, value in samples) > 0} >= seen
