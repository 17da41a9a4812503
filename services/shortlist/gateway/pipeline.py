"""The pipeline: a batch of requests to a batch of slates, synchronous, on the calling thread.

A batch makes at most one Redis read, one index search and one ranker call. Every failure of a dependency ends
here as a step of the ladder of degradation; nothing above it catches one.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from shortlist.core.arrays import F32, I32, AnyArray
from shortlist.core.errors import UnavailableError
from shortlist.core.rules import NO_RULES, RowRules, no_rules
from shortlist.core.types import FIRST_ITEM_ROW, Candidates, Degraded, Query, SourceList
from shortlist.features.port import UserRows, UserStore
from shortlist.gateway.candidates import add_pinned, fit, width_of
from shortlist.gateway.catalog_shelf import Shelf
from shortlist.gateway.explain import explain
from shortlist.gateway.fallback import Fallback
from shortlist.gateway.known import Encoder, Known
from shortlist.gateway.paging import Pages
from shortlist.gateway.selection import select
from shortlist.gateway.slate import Slate, UserKnowledge, cut
from shortlist.gateway.trace import BatchTrace
from shortlist.ranking.port import Ranker
from shortlist.ranking.tensors import ranker_tensors
from shortlist.release.bundle import Release
from shortlist.resilience.breaker import Breaker
from shortlist.resilience.deadline import Deadline
from shortlist.retrieval.filters import Filters
from shortlist.retrieval.merge import merge
from shortlist.retrieval.port import Retrieval, Source
from shortlist.retrieval.sources import PopularSource
from shortlist.telemetry.gateway import GatewayMetrics

RANKING_SHARE = 0.8
"""Of the time that is left, what the ranker may take: the rest answers in retrieval order where it does not come."""
_RECENT_SHOWN = 20


class Pipeline:
    """Answers batches from one release; safe to run on several threads.

    Args:
        release: What is served.
        store: User rows.
        sources: Sources of candidates, in the order of the release's schema.
        filters: Plans of filters over the release.
        ranker: Scores.
        metrics: Counts.
        breaker: Of the ranker; store and index have theirs inside.
        clock: Seconds since 1970.
        rules: The rules that hold now, over the release's rows; asked once a batch.
        live: Sources that the ranker does not know; in answers they follow the others. One that fails is left out and
            counted, and degrades nothing.
        shelf: Gives what can be recommended now, over the release's rows; None: always the release.
        is_stale: Tells whether this server may have missed what was taken off; asked when a batch is answered.
    """

    def __init__(
        self,
        release: Release,
        store: UserStore,
        sources: Sequence[Source],
        filters: Filters,
        ranker: Ranker,
        metrics: GatewayMetrics,
        breaker: Breaker,
        clock: Callable[[], float] = time.time,
        rules: Callable[[], RowRules] = no_rules,
        live: Sequence[Source] = (),
        shelf: Callable[[], Shelf] | None = None,
        is_stale: Callable[[], bool] = lambda: False,
    ) -> None:
        self._release, self._store, self._sources = release, store, sources
        self._ranker, self._metrics, self._breaker = ranker, metrics, breaker
        whole = Shelf.of(release, filters)
        self._encoder = Encoder(shelf or (lambda: whole), clock)
        self._is_stale = is_stale
        self._clock, self._rules = clock, rules
        self._proposing = (*sources, *live)
        names = [source.name for source in self._proposing]
        self._fallback = Fallback(release.items.popular, names, release.directions)
        self._pages = Pages(release.vocabulary)

    def run(self, queries: Sequence[Query], deadline: Deadline, trace: BatchTrace) -> list[Slate]:
        """Answer a batch.

        Args:
            queries: Checked requests; they may differ in everything.
            deadline: The latest deadline of the batch.
            trace: Takes the time of each stage.

        Returns:
            A slate a request, in their order.
        """
        read = self._read_rows(queries, deadline, trace)
        trace.lap("features")
        known = self._encoder.encode(queries, read.rows)
        trace.lap("encode")
        rules = self._rules()
        warm = np.flatnonzero((known.history.rows >= FIRST_ITEM_ROW).any(axis=1)).tolist()
        slates: list[Slate | None] = [None] * len(queries)
        if warm:
            part = known if len(warm) == len(queries) else known.part(warm)
            answered = self._personal([queries[request] for request in warm], part, rules, deadline, trace)
            for request, slate in zip(warm, answered, strict=True):
                slates[request] = slate
        finished = [
            slate or self._cold_start(queries[request], known, rules, request) for request, slate in enumerate(slates)
        ]
        for request, (query, slate) in enumerate(zip(queries, finished, strict=True)):
            if query.explain and slate.explanations is None:
                nothing = np.zeros((len(slate.rows), 0), np.float32)
                self._explain(query, slate, known.history.rows[request], nothing, rules)
            self._complete(query, slate, known, read, request, trace)
        if self._is_stale():
            for slate in finished:
                slate.degraded = (*slate.degraded, Degraded.STALE_CATALOGUE)
        trace.lap("slate")
        return finished

    def _cold_start(self, query: Query, known: Known, rules: RowRules, request: int) -> Slate:
        slate = self._fallback.slate(query, known.excluded[request], known.kept[request], rules, known.shelf.is_gone)
        slate.is_cold_start = True
        return slate

    def _read_rows(self, queries: Sequence[Query], deadline: Deadline, trace: BatchTrace) -> UserRows:
        nothing = UserRows([None] * len(queries), unread=range(len(queries)))
        if deadline.has_passed():
            return nothing
        try:
            read = self._store.read(
                [query.user_id for query in queries], deadline, [query.min_row_version for query in queries]
            )
        except UnavailableError:
            read = nothing
        if read.stale or read.unread:
            self._metrics.dependency_errors.labels("redis").inc()
        now = self._clock()
        trace.ages_s = [max(0.0, now - row.event_time) for row in read.rows if row is not None and len(row.events)]
        return read

    def _personal(
        self, queries: Sequence[Query], known: Known, rules: RowRules, deadline: Deadline, trace: BatchTrace
    ) -> list[Slate]:
        lists, failed = self._propose(known, trace)
        if all(source.name in failed for source in self._sources if source.name != PopularSource.name):
            trace.degraded.add(Degraded.RETRIEVAL_UNAVAILABLE)
            return [
                self._fallback.slate(query, known.excluded[request], known.kept[request], rules, known.shelf.is_gone)
                for request, query in enumerate(queries)
            ]
        most, shelf = self._release.manifest.candidates, known.shelf
        candidates = merge(lists, known.excluded, width_of(known.kept, most), shelf.is_gone)
        fit(candidates, known.kept, most)
        if len(rules.pinned):
            add_pinned(candidates, shelf.shown(rules.pinned), known.kept, known.excluded, most)
        self._metrics_of(candidates)
        trace.lap("merge")
        tensors = ranker_tensors(
            self._release.manifest.ranker.inputs,
            self._release.manifest.features,
            known.history,
            known.user_dense,
            candidates,
            shelf.release.items.columns,
            shelf.release.catalogue.categories,
            most,
            shelf.stand_ins,
        )
        trace.lap("tensors")
        scores = self._rank(tensors, deadline, trace)
        trace.lap("rank")
        order, counts = select(queries, candidates.rows, scores, rules, self._release.directions)
        slates = cut(candidates, scores, order, counts)
        ranker = "" if scores is None else self._ranker.name
        for request, (query, slate) in enumerate(zip(queries, slates, strict=True)):
            slate.ranker = ranker
            if query.explain:
                dense = tensors["candidate_dense"][request, order[request, : counts[request]]]
                self._explain(query, slate, known.history.rows[request], dense, rules)
        return slates

    def _propose(self, known: Known, trace: BatchTrace) -> tuple[list[SourceList], set[str]]:
        """Ask every source; the list of one that failed is empty."""
        shelf = known.shelf
        retrieval = Retrieval(
            known.history, known.user_dense, known.kept, known.excluded, shelf.filters.gone_share, shelf.arrivals
        )
        lists: list[SourceList] = []
        failed: set[str] = set()
        for source in self._proposing:
            try:
                lists.append(source.propose(retrieval))
            except UnavailableError as error:
                failed.add(source.name)
                self._metrics.dependency_errors.labels(error.dependency).inc()
                self._metrics.source_failures.labels(source.name).inc()
                if source in self._sources:  # live ones are extras: without them the answer is the release's
                    trace.degraded.add(Degraded.FEWER_CANDIDATES)
                nothing = (len(known.kept), 0)
                lists.append(SourceList(np.zeros(nothing, np.int32), np.zeros(nothing, np.float32)))
            trace.lap(source.name)
        return lists, failed

    def _metrics_of(self, candidates: Candidates) -> None:
        for count in (candidates.rows > 0).sum(axis=1).tolist():
            self._metrics.candidates.observe(count)

    def _rank(self, tensors: Mapping[str, AnyArray], deadline: Deadline, trace: BatchTrace) -> F32 | None:
        budget = Deadline.after(RANKING_SHARE * deadline.remaining_s())
        if self._breaker.allows():
            try:
                scores = self._ranker.score(tensors, budget)
            except UnavailableError:
                self._metrics.dependency_errors.labels("triton").inc()
                if budget.has_passed():
                    self._breaker.abandoned()  # the callers' hurry says nothing about the dependency
                else:
                    self._breaker.failed()
            else:
                self._breaker.succeeded()
                return scores
        trace.degraded.add(Degraded.RANKER_UNAVAILABLE)
        return None

    def _explain(self, query: Query, slate: Slate, history: I32, features: F32, rules: RowRules) -> None:
        ruling = NO_RULES if query.candidate_ids is not None else rules
        moved_by = ruling.moved_by(slate.rows, query.limit, has_scores=bool(slate.ranker))
        slate.explanations = explain(slate.rows, history, features, self._release, moved_by)

    def _complete(
        self, query: Query, slate: Slate, known: Known, read: UserRows, request: int, trace: BatchTrace
    ) -> None:
        """Add what holds for the request as a whole."""
        row = known.rows[request]
        degraded = set() if slate.is_cold_start else set(trace.degraded)
        if request in read.unread:
            degraded.add(Degraded.FEATURES_UNAVAILABLE)
        if request in read.stale or query.min_row_version > (row.version if row else 0):
            degraded.add(Degraded.STALE_FEATURES)
        slate.degraded = tuple(sorted(degraded))
        if query.candidate_ids is None:
            slate.session_token = self._pages.next_token(query.shown, slate.rows)
        else:
            rows = known.shelf.rows_of_candidates(query.candidate_ids)
            slate.unknown_ids = tuple(
                item_id
                for item_id, is_known in zip(query.candidate_ids, rows >= FIRST_ITEM_ROW, strict=True)
                if not is_known
            )
        if query.explain:
            recent = known.history.rows[request]
            shown = dict.fromkeys(recent[recent >= FIRST_ITEM_ROW].tolist())
            events, version = (len(row.events), row.version) if row else (0, 0)
            slate.user = UserKnowledge(tuple(shown)[:_RECENT_SHOWN], events, version)
