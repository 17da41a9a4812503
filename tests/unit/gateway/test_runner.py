import time

import pytest

from shortlist.core.errors import NotFoundError, ShortlistError
from shortlist.core.types import Query, SimilarQuery
from shortlist.features.row import UserRow
from shortlist.gateway.catalog_readers import Readers
from shortlist.gateway.jobs import NOT_RUN, AnyQuery, Job, Outcome, Timings
from shortlist.gateway.runner import BatchRunner, reject
from shortlist.gateway.similar import SimilarItems
from shortlist.gateway.slate import Slate
from shortlist.gateway.wire import ItemWriter
from shortlist.release.bundle import Release
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.retrieval.filters import Filters
from shortlist.telemetry.answers import AnswerMetrics
from shortlist.telemetry.tracing import NO_TRACING
from support.pipelines import Kitchen, kitchen, open_index
from support.played_calls import PlayedCall
from support.tiny_release import ITEMS, LOG_END_S, SOURCES, item_id, user_row


class Outcomes:
    """Makes jobs, and keeps what each was settled with."""

    def __init__(self) -> None:
        self.settled: list[list[tuple[Outcome, Timings]]] = []

    def job(self, query: AnyQuery) -> Job:
        """Make a job."""
        mine: list[tuple[Outcome, Timings]] = []
        self.settled.append(mine)

        def settle(outcome: Outcome, timings: Timings) -> None:
            mine.append((outcome, timings))

        call = PlayedCall("/test.Service/Do", b"")
        return Job(query, call, Deadline(NEVER), time.monotonic(), is_low_priority=False, settle=settle)

    def only(self, place: int = 0) -> tuple[Outcome, Timings]:
        """Give the only outcome of a job."""
        (outcome,) = self.settled[place]
        return outcome


@pytest.fixture
def place(tiny_release: Release) -> Kitchen:
    """Compose a pipeline."""
    return kitchen(tiny_release)


@pytest.fixture
def runner(place: Kitchen) -> BatchRunner:
    """Run batches over the tiny release."""
    release = place.release
    filters = Filters(release.catalogue, release.items.embeddings)
    similar = SimilarItems(release, open_index(release), filters, place.metrics)
    answers = AnswerMetrics(place.registry, SOURCES, release.vocabulary.row_count, ITEMS)
    writer = ItemWriter(release.vocabulary, SOURCES)
    return BatchRunner(place.pipeline, similar, place.metrics, answers, NO_TRACING, writer, Readers())


def test_every_kind_of_request_in_a_batch_is_settled_once(runner: BatchRunner) -> None:
    outcomes = Outcomes()
    queries = [
        SimilarQuery("gone", 5),
        Query("ann", 5),
        SimilarQuery(item_id(1), 3),
        Query("bo", 7),
    ]
    runner.run([outcomes.job(query) for query in queries])
    kinds = [type(outcomes.only(number)[0]) for number in range(4)]
    assert kinds == [NotFoundError, Slate, Slate, Slate]


def test_each_request_gets_its_own_answer(runner: BatchRunner) -> None:
    outcomes = Outcomes()
    runner.run([outcomes.job(Query("ann", limit)) for limit in (5, 9, 7)])
    lengths = []
    for number in range(3):
        slate, _ = outcomes.only(number)
        assert isinstance(slate, Slate)
        lengths.append(len(slate.rows))
    assert lengths == [5, 9, 7]


def test_the_wait_in_the_queue_comes_before_the_stages(runner: BatchRunner) -> None:
    outcomes = Outcomes()
    runner.run([outcomes.job(Query("ann", 5))])
    names = [name for name, _ in outcomes.only()[1].stages]
    assert names[:3] == ["queue", "features", "encode"]


def test_a_request_is_told_how_many_were_in_its_batch(runner: BatchRunner) -> None:
    outcomes = Outcomes()
    queries = [Query("ann", 5), Query("bo", 5), SimilarQuery(item_id(1), 3)]
    runner.run([outcomes.job(query) for query in queries])
    assert [outcomes.only(number)[1].batch_size for number in range(3)] == [2, 2, 1]


def test_queue_and_stages_are_observed(runner: BatchRunner, place: Kitchen) -> None:
    outcomes = Outcomes()
    runner.run([outcomes.job(Query("ann", 5)), outcomes.job(SimilarQuery(item_id(1), 5))])
    assert place.count("queue_seconds_count") == 2
    assert place.count("stage_seconds_count", stage="features") == 1
    assert place.count("stage_seconds_count", stage="similar") == 1


def test_what_the_answers_hold_is_counted(runner: BatchRunner, place: Kitchen) -> None:
    place.store.rows["ann"] = user_row([3, 9, 15])
    outcomes = Outcomes()
    runner.run([outcomes.job(query) for query in (Query("ann", 5), Query("nobody", 4), SimilarQuery(item_id(1), 3))])
    slates = [outcome for number in range(3) if isinstance(outcome := outcomes.only(number)[0], Slate)]
    assert [len(slate.rows) for slate in slates] == [5, 4, 3]
    assert place.count("slates_total", degraded="no") == 3
    assert place.count("score_log_odds_bucket", le="+Inf") == 5  # nobody ranked the popular items, nor those near one
    assert place.count("distinct_items") == len({row for slate in slates for row in slate.rows.tolist()})
    for number, source in enumerate(SOURCES):
        proposed = sum(int((slate.source_ranks[:, number] > 0).sum()) for slate in slates)
        assert place.count("recommended_items_total", source=source) == proposed


def test_degraded_answers_are_counted_apart(runner: BatchRunner, place: Kitchen) -> None:
    place.store.is_down = True
    runner.run([Outcomes().job(Query("ann", 5)), Outcomes().job(SimilarQuery(item_id(1), 3))])
    assert (place.count("slates_total", degraded="yes"), place.count("slates_total", degraded="no")) == (1, 1)


def test_a_batch_without_any_slate_counts_none(runner: BatchRunner, place: Kitchen) -> None:
    runner.run([Outcomes().job(SimilarQuery("gone", 5))])
    assert place.count("slates_total", degraded="no") == 0


def test_the_age_of_the_rows_that_were_read_is_observed(runner: BatchRunner, place: Kitchen) -> None:
    place.store.rows["ann"] = user_row([3, 9, 15])
    place.store.rows["new"] = UserRow()  # no event: no age
    runner.run([Outcomes().job(Query(user_id, 5)) for user_id in ("ann", "new", "nobody")])
    assert place.count("feature_age_seconds_count") == 1
    assert place.count("feature_age_seconds_sum") == LOG_END_S - place.store.rows["ann"].event_time


def test_an_event_from_the_future_has_no_age(runner: BatchRunner, place: Kitchen) -> None:
    row = user_row([3])
    row.events["time"][0] = LOG_END_S + 3600
    place.store.rows["ann"] = row
    runner.run([Outcomes().job(Query("ann", 5))])
    assert place.count("feature_age_seconds_bucket", le="1.0") == 1


def test_a_batch_of_similar_items_reads_no_features(runner: BatchRunner, place: Kitchen) -> None:
    runner.run([Outcomes().job(SimilarQuery(item_id(1), 5))])
    assert place.store.reads == 0


def test_a_rejected_job_is_settled_with_the_reason() -> None:
    outcomes = Outcomes()
    error = ShortlistError("too late")
    reject(outcomes.job(Query("ann", 5)), error)
    assert outcomes.only() == (error, NOT_RUN)
