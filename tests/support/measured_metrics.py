"""Everything that our services measure, for whoever checks what rules, runbook and dashboards name."""

import re

import grpc
from prometheus_client import CollectorRegistry

from shortlist.gateway.live import LIVE_SOURCES
from shortlist.gateway.servicer import METHODS
from shortlist.telemetry.answers import AnswerMetrics
from shortlist.telemetry.catalogue import CatalogueMetrics
from shortlist.telemetry.events import EventMetrics
from shortlist.telemetry.features import DerivationMetrics
from shortlist.telemetry.gateway import GatewayMetrics
from shortlist.telemetry.near_cache import NearCacheMetrics
from shortlist.telemetry.retrieval import RetrievalMetrics

SCRAPED = {"job", "instance"}
"""Labels that Prometheus adds to everything that it scrapes."""

Labels = dict[str, set[str]]


def measured() -> dict[str, Labels]:
    """Register what the services measure; label values by label by the name of each sample."""
    codes = [code.name for code in grpc.StatusCode]
    gateway, retrieval, features = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
    sources = ("tower", "popular", *LIVE_SOURCES)
    GatewayMetrics(gateway, METHODS, codes, sources).serves(
        version="", release="", front="", ranker="", device="", items=0, trained_until_s=0.0
    )
    AnswerMetrics(gateway, sources, rows=3, items=1)
    EventMetrics(gateway)
    CatalogueMetrics(gateway)
    NearCacheMetrics(gateway)
    RetrievalMetrics(retrieval, codes).info.labels("", "", "")
    DerivationMetrics(features).info.labels("")
    found: dict[str, Labels] = {}
    for registry in (gateway, retrieval, features):
        for sample in (sample for family in registry.collect() for sample in family.samples):
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


def grouping_labels(expression: str) -> set[str]:
    """Name the labels that an expression groups or joins by."""
    lists = re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", expression)
    return {label.strip() for names in lists for label in names.split(",")}
