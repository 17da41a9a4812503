"""Prometheus' rules and the runbook, and what they may name, as whoever checks them needs it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
RULE_FILES = sorted((FOLDER / "rules").glob("*.yml"))
TEST_FILES = sorted((FOLDER / "tests").glob("*.yml"))
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()

Rule = Mapping[str, Any]


def read(path: Path) -> dict[str, Any]:
    """Read a YAML file."""
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def rules(kind: str) -> list[Rule]:
    """List the rules of a kind, "record" or "alert"."""
    groups = [group for path in RULE_FILES for group in read(path)["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def runbook_sections() -> dict[str, str]:
    """Map the headings of the runbook to what stands below them."""
    heading, *parts = re.split(r"^## (.+)\n", RUNBOOK, flags=re.MULTILINE)
    assert heading.startswith("# ")
    return dict(zip(parts[::2], parts[1::2], strict=True))


def fenced(language: str) -> list[str]:
    """List the lines in the runbook's blocks of a language."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", RUNBOOK, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def commands(program: str) -> list[list[str]]:
    """List the words of each command of a program that the runbook gives, in its text or in a block, up to a pipe."""
    text = re.sub(r"^```.*?^```", "", RUNBOOK, flags=re.MULTILINE | re.DOTALL)
    given = re.findall(r"`([^`\n]+)`", text) + fenced("sh")
    return [command.partition(" | ")[0].split() for command in given if command.startswith(f"{program} ")]


def expressions() -> list[str]:
    """List everything that is asked of Prometheus, by rules and by the runbook."""
    return [rule["expr"] for kind in ("record", "alert") for rule in rules(kind)] + fenced("promql")


def names(expression: str) -> set[str]:
    """Name what looks like a metric in an expression: ours, and what rules record."""
    without_values_and_windows = re.sub(r'"[^"]*"|\[[^\]]*\]', "", expression)
    found = re.findall(r"[a-zA-Z_:][\w:]*", without_values_and_windows)
    return {name for name in found if name.startswith("shortlist_") or ":" in name}


def matchers(expression: str) -> list[tuple[str, str, set[str]]]:
    """List name, label and values compared with, of every matcher in an expression."""
    return [
        (name, label, set(values.split("|")))
        for name, braces in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", expression)
        for label, values in re.findall(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"', braces)
    ]
