"""A real Prometheus that scrapes as the deployed one does, more often and from a test's own addresses."""

import http.client
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from shortlist.local.parts import Part
from shortlist.local.probes import http_answers
from support.dashboards import PanelQuery
from support.real_servers import Server, free_ports
from support.running_cluster import wait_until

DEPLOYED = Path(__file__).parents[2] / "deploy" / "prometheus" / "prometheus.yml"
SCRAPE_INTERVAL_S = 0.5
_TIMEOUT_S = 10.0

Series = tuple[dict[str, str], list[tuple[float, float]]]
"""Labels, and finite samples: when, in seconds since 1970, and what."""


def program(name: str) -> str:
    """Find a program of a Debian package of the same name; skip the test where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs Debian's package {name}")
    return found


def configuration(targets: Mapping[str, int]) -> dict[str, Any]:
    """Read the deployed configuration and put in a test's ports by job; rules are left out, dashboards need none."""
    config: dict[str, Any] = yaml.safe_load(DEPLOYED.read_text())
    every = f"{SCRAPE_INTERVAL_S * 1000:.0f}ms"
    config["global"] = {"scrape_interval": every, "scrape_timeout": every}
    del config["rule_files"]
    for job in config["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        port = targets.get(job["job_name"])
        job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}] if port else []
    unknown = targets.keys() - {job["job_name"] for job in config["scrape_configs"]}
    assert not unknown, f"no such job: {unknown}"
    return config


class Prometheus(Server):
    """A Prometheus.

    Args:
        run_dir: Where its series go.
        targets: The port of each job that it scrapes on loopback.
    """

    def __init__(self, run_dir: Path, targets: Mapping[str, int]) -> None:
        self.port = free_ports().metrics
        file = run_dir / "prometheus.json"
        file.write_text(json.dumps(configuration({**targets, "prometheus": self.port})))
        command = (
            program("prometheus"),
            f"--config.file={file}",
            f"--storage.tsdb.path={run_dir / 'series'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        )
        super().__init__(Part("prometheus", command, probe=lambda: http_answers(self.port, "/-/ready")), run_dir)

    def wait_for(self, condition: str, timeout_s: float = 30.0) -> None:
        """Wait until a comparison holds for a series at least."""
        wait_until(lambda: bool(self.now(condition)), condition, timeout_s)

    def now(self, expression: str, at_s: float | None = None) -> list[Series]:
        """Evaluate at a moment, now where none is given."""
        moment = {} if at_s is None else {"time": at_s}
        found = self._ask("query", {"query": expression, **moment})
        return _finite((series["metric"], [series["value"]]) for series in found)

    def over(self, expression: str, start_s: float, end_s: float, step_s: float) -> list[Series]:
        """Evaluate over a range."""
        asked = {"query": expression, "start": start_s, "end": end_s, "step": step_s}
        return _finite((series["metric"], series["values"]) for series in self._ask("query_range", asked))

    def asked(self, query: PanelQuery, start_s: float, end_s: float, step_s: float, window_s: float) -> list[Series]:
        """Evaluate a panel's query as Grafana would; rates are over the window."""
        expression = query.filled(window_s)
        return self.now(expression, end_s) if query.is_instant else self.over(expression, start_s, end_s, step_s)

    def _ask(self, path: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", f"/api/v1/{path}?{urlencode(parameters)}")
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        assert answer["status"] == "success", f"{answer.get('error')}: {parameters['query']}"
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result


def _finite(found: Iterable[tuple[dict[str, str], Sequence[tuple[float, str]]]]) -> list[Series]:
    """Keep finite samples, and the series that have some."""
    parsed = [
        (labels, [(float(moment), float(value)) for moment, value in samples if isfinite(float(value))])
        for labels, samples in found
    ]
    return [(labels, samples) for labels, samples in parsed if samples]
