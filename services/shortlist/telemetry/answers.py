"""What the answers hold: whole or degraded, scores, sources, coverage, how old the users' events were.

Counted a batch at a time, from arrays: an item costs nanoseconds.
"""

from collections.abc import Sequence

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge

from shortlist.core.arrays import F32, F64, I32
from shortlist.telemetry.array_histogram import ArrayHistogram
from shortlist.telemetry.buckets import AGE_S, LOG_ODDS
from shortlist.telemetry.coverage import DistinctItems


class AnswerMetrics:
    """Counts answers with items.

    Args:
        registry: Where the metrics are registered.
        sources: Names of the retrieval sources, in the order of the answers.
        rows: Rows of the release's arrays.
        items: Items of the release.
    """

    def __init__(self, registry: CollectorRegistry, sources: Sequence[str], rows: int, items: int) -> None:
        slates = Counter(
            "shortlist_gateway_slates",
            "Answers with items, whole or on a step of the ladder; each request of a RecommendBatch counts.",
            ["degraded"],
            registry=registry,
        )
        recommended = Counter(
            "shortlist_gateway_recommended_items",
            "Items in answers, by each source that proposed them.",
            ["source"],
            registry=registry,
        )
        self._whole, self._degraded = slates.labels("no"), slates.labels("yes")
        self._recommended = [recommended.labels(source) for source in sources]
        self._scores = ArrayHistogram(
            "shortlist_gateway_score_log_odds", "Scores of the items in ranked answers.", LOG_ODDS, registry
        )
        self._ages = ArrayHistogram(
            "shortlist_gateway_feature_age_seconds", "Age of the newest event of a user row.", AGE_S, registry
        )
        self._distinct = DistinctItems(rows)
        Gauge(
            "shortlist_gateway_distinct_items",
            "Different items in the answers of the last 10 to 20 minutes.",
            registry=registry,
        ).set_function(self._distinct.count)
        Gauge("shortlist_gateway_catalogue_items", "Items of the release.", registry=registry).set(items)

    def count(self, whole: int, degraded: int) -> None:
        """Count answers."""
        self._whole.inc(whole)
        self._degraded.inc(degraded)

    def observe_items(self, rows: I32, source_ranks: I32) -> None:
        """Count the items of a batch's answers.

        Args:
            rows: (n,) int32, their rows.
            source_ranks: (n, S) int32, 0 where a source did not propose an item; of the first S sources.
        """
        self._distinct.add(rows)
        proposed = np.count_nonzero(source_ranks, axis=0).tolist()
        for counter, items in zip(self._recommended, proposed, strict=False):
            counter.inc(items)

    def observe_scores(self, scores: F32) -> None:
        """Count the scores of a batch's ranked items, log-odds: (n,) float32."""
        self._scores.observe_many(scores)

    def observe_ages(self, ages_s: F64) -> None:
        """Count how old the newest events of a batch's user rows are, in seconds: (B,) float64."""
        self._ages.observe_many(ages_s)
