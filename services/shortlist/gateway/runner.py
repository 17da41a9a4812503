"""Runs what the micro-batcher hands over: one batch, of any kinds of requests, each settled exactly once."""

import time
from typing import Any

from shortlist.core.errors import ShortlistError
from shortlist.core.types import Query, SimilarQuery
from shortlist.gateway.jobs import Job
from shortlist.gateway.pipeline import Pipeline
from shortlist.gateway.similar import SimilarItems
from shortlist.gateway.trace import BatchTrace
from shortlist.telemetry.gateway import GatewayMetrics


class BatchRunner:
    """Settles batches; safe to call from several workers."""

    def __init__(self, pipeline: Pipeline, similar: SimilarItems, metrics: GatewayMetrics) -> None:
        self._pipeline, self._similar, self._metrics = pipeline, similar, metrics

    def run(self, jobs: list[Job]) -> None:
        """Run a batch; what the pipeline raises fails the batch, what a request raises fails the request."""
        started = time.monotonic()
        for job in jobs:
            self._metrics.queue_seconds.observe(started - job.arrived)
        trace = BatchTrace()
        recommended = [(job, job.query) for job in jobs if isinstance(job.query, Query)]
        if recommended:
            deadline = max(job.deadline for job, _ in recommended)
            outcomes: list[Any] = list(self._pipeline.run([query for _, query in recommended], deadline, trace))
            self._settle([job for job, _ in recommended], outcomes, started, trace)
            self._metrics.observe_stages(trace.stages)
        near = [(job, job.query) for job in jobs if isinstance(job.query, SimilarQuery)]
        if near:
            trace = BatchTrace()
            outcomes = list(self._similar.run([query for _, query in near]))
            trace.lap("similar")
            self._settle([job for job, _ in near], outcomes, started, trace)
            self._metrics.observe_stages(trace.stages)
        for job in jobs:
            if not isinstance(job.query, Query | SimilarQuery):
                job.settle(job.query, ())

    def _settle(self, jobs: list[Job], outcomes: list[Any], started: float, trace: BatchTrace) -> None:
        for job, outcome in zip(jobs, outcomes, strict=True):
            job.settle(outcome, [("queue", started - job.arrived), *trace.stages])


def reject(job: Job, error: ShortlistError) -> None:
    """Settle a job that was never run."""
    job.settle(error, ())
