"""Runs what the micro-batcher hands over: one batch, of any kinds of requests, each settled exactly once."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shortlist.core.errors import ShortlistError
from shortlist.core.types import Query, SimilarQuery
from shortlist.gateway.catalog_readers import Readers
from shortlist.gateway.jobs import NOT_RUN, Job, Timings
from shortlist.gateway.pipeline import Pipeline
from shortlist.gateway.similar import SimilarItems
from shortlist.gateway.slate import Slate
from shortlist.gateway.trace import BatchTrace
from shortlist.gateway.wire import ItemWriter
from shortlist.telemetry.answers import AnswerMetrics
from shortlist.telemetry.gateway import GatewayMetrics
from shortlist.telemetry.tracing import Tracing


class BatchRunner:
    """Settles batches; safe to call from several workers."""

    def __init__(
        self,
        pipeline: Pipeline,
        similar: SimilarItems,
        metrics: GatewayMetrics,
        answers: AnswerMetrics,
        tracing: Tracing,
        writer: ItemWriter,
        readers: Readers,
    ) -> None:
        self._pipeline, self._similar, self._metrics, self._readers = pipeline, similar, metrics, readers
        self._answers, self._tracing, self._writer = answers, tracing, writer

    def run(self, jobs: Sequence[Job]) -> None:
        """Run a batch; what the pipeline raises fails the batch, what a request raises fails the request."""
        started = time.monotonic()
        for job in jobs:
            self._metrics.queue_seconds.observe(started - job.arrived)
        with self._readers.reading():
            self._run_alike([job for job in jobs if isinstance(job.query, Query)], self._recommend, started)
            self._run_alike([job for job in jobs if isinstance(job.query, SimilarQuery)], self._similar_items, started)

    def _run_alike(
        self, jobs: Sequence[Job], answer: Callable[[Sequence[Job], BatchTrace], Sequence[Any]], started: float
    ) -> None:
        if not jobs:
            return
        with self._tracing.batch([job.span for job in jobs]) as stages:
            trace = BatchTrace(stages=stages)
            outcomes = answer(jobs, trace)
            slates = [outcome for outcome in outcomes if isinstance(outcome, Slate)]
            if slates:
                self._writer.write(slates)
            for job, outcome in zip(jobs, outcomes, strict=True):
                job.settle(outcome, Timings([("queue", started - job.arrived), *stages], len(jobs)))
        # The callers have their answers: what follows costs them nothing.
        self._metrics.observe_stages(trace.stages)
        self._observe(slates, trace)

    def _recommend(self, jobs: Sequence[Job], trace: BatchTrace) -> Sequence[Any]:
        queries: list[Any] = [job.query for job in jobs]
        return self._pipeline.run(queries, max(job.deadline for job in jobs), trace)

    def _similar_items(self, jobs: Sequence[Job], trace: BatchTrace) -> Sequence[Any]:
        queries: list[Any] = [job.query for job in jobs]
        outcomes = self._similar.run(queries)
        trace.lap("similar")
        return outcomes

    def _observe(self, slates: Sequence[Slate], trace: BatchTrace) -> None:
        if trace.ages_s:
            self._answers.observe_ages(np.array(trace.ages_s))
        if not slates:
            return
        degraded = sum(bool(slate.degraded) for slate in slates)
        self._answers.count(len(slates) - degraded, degraded)
        self._answers.observe_items(
            np.concatenate([slate.rows for slate in slates]), np.concatenate([slate.source_ranks for slate in slates])
        )
        ranked = [slate.scores for slate in slates if slate.ranker]
        if ranked:
            self._answers.observe_scores(np.concatenate(ranked))


def reject(job: Job, error: ShortlistError) -> None:
    """Settle a job that was never run."""
    job.settle(error, NOT_RUN)
