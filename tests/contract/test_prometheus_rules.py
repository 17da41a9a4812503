"""What Prometheus is given is valid, fires when it should, is explained, and names only what exists."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from shortlist.telemetry.gateway import BREAKERS, DEPENDENCIES
from support.measured_metrics import SCRAPED, grouping_labels, measured
from support.prometheus_rules import (
    FOLDER,
    ROOT,
    RULE_FILES,
    RUNBOOK,
    TEST_FILES,
    commands,
    expressions,
    fenced,
    matchers,
    names,
    read,
    rules,
    runbook_sections,
)
from support.settings_table import ALL

ALERTS = {rule["alert"]: rule for rule in rules("alert")}
RECORDED = {rule["record"] for rule in rules("record")}
MEASURED = measured()
CONFIGURATION = read(FOLDER / "prometheus.yml")
SERVICES = set().union(*(read(path)["services"] for path in (ROOT / "deploy").glob("compose*.yaml")))


def promtool(*arguments: str | Path) -> None:
    """Run promtool; fail with what it says."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed: Debian's package prometheus has it")
    run = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_promtool_accepts_the_configuration_with_its_rules(tmp_path: Path) -> None:
    assert CONFIGURATION["rule_files"] == ["/etc/prometheus/rules/*.yml"]

    # the same, with the rules where they lie here
    here = tmp_path / "prometheus.yml"
    here.write_text(yaml.safe_dump(CONFIGURATION | {"rule_files": [str(path) for path in RULE_FILES]}))
    promtool("check", "config", "--lint-fatal", here)


def test_alerts_fire_and_stay_silent_as_their_cases_say() -> None:
    promtool("test", "rules", *TEST_FILES)


def test_every_alert_has_a_case_that_fires_it_and_one_near_it_that_does_not() -> None:
    fires: set[str] = set()
    stays_silent: set[str] = set()
    for group in (group for path in TEST_FILES for group in read(path)["tests"]):
        cases = group.get("alert_rule_test", [])
        fired = {case["alertname"] for case in cases if case.get("exp_alerts")}
        fires |= fired
        stays_silent |= {case["alertname"] for case in cases} - fired

    assert fires == set(ALERTS)
    assert stays_silent == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_urgent_it_is_what_it_saw_and_where_to_read_on(name: str) -> None:
    alert = ALERTS[name]

    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert "$value" in alert["annotations"]["description"]
    assert alert["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"


def test_every_alert_has_its_section_in_the_runbook_and_every_section_its_alert() -> None:
    sections = runbook_sections()
    assert sorted(sections) == sorted(ALERTS)
    for name, text in sections.items():
        assert re.findall(r"^\*\*(\w+)\*\*", text, re.MULTILINE) == ["Users", "Look", "Causes", "Do", "Over"], name


def test_promtool_accepts_every_query_of_the_runbook(tmp_path: Path) -> None:
    queries = [{"record": f"runbook:query:{number}", "expr": query} for number, query in enumerate(fenced("promql"))]
    assert len(queries) > len(ALERTS)
    asked = tmp_path / "runbook.yml"
    asked.write_text(yaml.safe_dump({"groups": [{"name": "runbook", "rules": queries}]}))
    promtool("check", "rules", asked)


@pytest.mark.parametrize("expression", expressions())
def test_what_is_asked_for_exists_with_its_labels_and_values(expression: str) -> None:
    asked = names(expression)
    assert {name for name in asked if ":" in name} <= RECORDED
    ours = {name for name in asked if ":" not in name}
    assert ours <= MEASURED.keys()

    for name, label, values in matchers(expression):
        if label == "job":
            assert values <= {job["job_name"] for job in CONFIGURATION["scrape_configs"]}
        elif name in ours:
            assert values <= MEASURED[name].get(label, set()), f"{label} of {name}"
    if ours:
        known = SCRAPED.union(*(MEASURED[name] for name in ours))
        assert grouping_labels(expression) <= known


def test_a_breaker_and_the_errors_that_the_alert_compares_it_with_have_one_name() -> None:
    assert set(BREAKERS) <= set(DEPENDENCIES)


def test_what_is_scraped_are_services_of_the_compose_stack() -> None:
    for job in CONFIGURATION["scrape_configs"]:
        hosts = [name for found in job.get("dns_sd_configs", []) for name in found["names"]]
        hosts += [target.partition(":")[0] for found in job.get("static_configs", []) for target in found["targets"]]
        assert hosts
        assert set(hosts) <= SERVICES | {"localhost"}


def test_services_of_compose_commands_in_the_runbook_exist() -> None:
    given = commands("docker compose")
    assert given
    takes_a_value = {"--since", "--tail", "--scale"}
    for _, _, verb, *words in given:
        named = [
            word
            for before, word in zip(["", *words], words, strict=False)
            if not word.startswith("-") and before not in takes_a_value
        ]
        services = named[:1] if verb == "exec" else named  # what follows there is the container's own command
        assert set(services) <= SERVICES, words


def test_make_targets_and_settings_that_the_runbook_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = {words[1] for words in commands("make")}
    assert targets
    assert targets <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    settings = {f"{group.model_config['env_prefix']}{name.upper()}" for group in ALL for name in group.model_fields}
    environment = set(re.findall(r"^(\w+)=", (ROOT / ".env").read_text(), re.MULTILINE))
    assert set(re.findall(r"SHORTLIST_\w+", RUNBOOK)) <= settings | environment
