"""What a file of rules would do to the recorded requests of a release: nothing is served, and nobody is asked."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from shortlist.core.errors import InputError
from shortlist.core.rules import NO_RULES, RowRules
from shortlist.core.types import Query
from shortlist.features.port import UserRows
from shortlist.gateway.pipeline import Pipeline
from shortlist.gateway.row_rules import row_rules
from shortlist.gateway.rules import Cap
from shortlist.gateway.rules_file import RulesFile
from shortlist.gateway.slate import Slate
from shortlist.gateway.trace import BatchTrace
from shortlist.gateway.warmup import recorded_queries
from shortlist.ranking.local import LocalRanker
from shortlist.release.bundle import Release
from shortlist.resilience.breaker import Breaker
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.retrieval.filters import Filters
from shortlist.retrieval.open import open_index
from shortlist.retrieval.sources import served_sources
from shortlist.retrieval.tower import QueryTower
from shortlist.telemetry.gateway import GatewayMetrics


class _NoRows:
    """A store of nobody's rows: recorded requests bring their items along."""

    def read(
        self,
        user_ids: Sequence[str],
        deadline: Deadline,  # noqa: ARG002  # the port's
        min_versions: Sequence[int] = (),  # noqa: ARG002
    ) -> UserRows:
        return UserRows([None] * len(user_ids))

    def check(self) -> None:
        """Answer."""

    def close(self) -> None:
        """Do nothing."""


def dry_run(path: Path, release: Release) -> list[str]:
    """Answer the recorded requests without the rules and with them.

    Returns:
        Lines for people: what each rule did, and what changed in all.

    Raises:
        InputError: the file is refused, or no requests were recorded.
    """
    file = RulesFile.read(path)
    rules, notes = row_rules(file, release)
    queries = [replace(query, explain=True) for query in recorded_queries(release)]
    if not queries:
        raise InputError(f"{release.path}: no requests were recorded")
    before, after = (_answers(release, queries, ruling) for ruling in (NO_RULES, rules))
    lines = [f"{path}: {len(file.stated)} rules over {len(queries)} recorded requests of {release.id}"]
    caps = 0
    for stated in file.stated:
        if isinstance(stated.rule, Cap):
            found = f"{_over(before, rules, caps)} slates had more without it"
            caps += 1
        else:
            found = f"moved items of {_moved(after, stated.rule.name)} slates"
        lines.append(f"line {stated.line}: {stated.title}: {found}")
    pairs = list(zip(before, after, strict=True))
    changed = sum(one.rows.tolist() != other.rows.tolist() for one, other in pairs)
    others = sum(len(np.setdiff1d(other.rows, one.rows)) for one, other in pairs)
    shown = sum(len(slate.rows) for slate in after)
    lines.append(f"{changed} of {len(pairs)} slates change; {others} of their {shown} items are others")
    return lines + [f"note: {note}" for note in notes]


def _answers(release: Release, queries: Sequence[Query], rules: RowRules) -> list[Slate]:
    schema, items = release.manifest.features, release.items
    tower = QueryTower(release.query_tower_path, release.manifest.query_tower, items.embeddings, schema.history_length)
    pipeline = Pipeline(
        release,
        _NoRows(),
        served_sources(items, schema.sources, tower, open_index(release, "cpu")),
        Filters(release.catalogue, items.embeddings),
        LocalRanker(release.ranker_path, release.manifest.ranker),
        GatewayMetrics(CollectorRegistry(), (), (), schema.sources),
        Breaker(),
        rules=lambda: rules,
    )
    return pipeline.run(queries, Deadline(NEVER), BatchTrace())


def _over(slates: Sequence[Slate], rules: RowRules, cap: int) -> int:
    """Count the slates in which a group has more items than a cap allows."""
    groups = (rules.groups[slate.rows, cap] for slate in slates)
    return sum(bool((np.bincount(found)[1:] > rules.most[cap]).any()) for found in groups)


def _moved(slates: Sequence[Slate], rule: str) -> int:
    """Count the slates in which a rule moved an item that is shown."""
    return sum(any(rule in explained.rules for explained in slate.explanations or ()) for slate in slates)
