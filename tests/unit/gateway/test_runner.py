import time

import pytest

from shortlist.core.errors import NotFoundError, ShortlistError
from shortlist.core.types import Query, SimilarQuery
from shortlist.gateway.jobs import AnyQuery, ItemsQuery, Job, Outcome, Stages
from shortlist.gateway.runner import BatchRunner, reject
from shortlist.gateway.similar import SimilarItems
from shortlist.gateway.slate import Slate
from shortlist.release.bundle import Release
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.retrieval.filters import Filters
from support.pipelines import Kitchen, kitchen, open_index
from support.played_calls import PlayedCall
from support.tiny_release import item_id


class Outcomes:
    """Makes jobs, and keeps what each was settled with."""

    def __init__(self) -> None:
        self.settled: list[list[tuple[Outcome, Stages]]] = []

    def job(self, query: AnyQuery) -> Job:
        """Make a job."""
        mine: list[tuple[Outcome, Stages]] = []
        self.settled.append(mine)

        def settle(outcome: Outcome, stages: Stages) -> None:
            mine.append((outcome, stages))

        call = PlayedCall("/test.Service/Do", b"")
        return Job(query, call, Deadline(NEVER), time.monotonic(), is_low_priority=False, settle=settle)

    def only(self, place: int = 0) -> tuple[Outcome, Stages]:
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
    return BatchRunner(
        place.pipeline, SimilarItems(release, open_index(release), filters, place.metrics), place.metrics
    )


def test_every_kind_of_request_in_a_batch_is_settled_once(runner: BatchRunner) -> None:
    outcomes = Outcomes()
    queries = [
        SimilarQuery("gone", 5),
        Query("ann", 5),
        ItemsQuery((item_id(1),)),
        SimilarQuery(item_id(1), 3),
        Query("bo", 7),
    ]
    runner.run([outcomes.job(query) for query in queries])
    kinds = [type(outcomes.only(number)[0]) for number in range(5)]
    assert kinds == [NotFoundError, Slate, ItemsQuery, Slate, Slate]


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
    names = [name for name, _ in outcomes.only()[1]]
    assert names[:3] == ["queue", "features", "encode"]


def test_queue_and_stages_are_observed(runner: BatchRunner, place: Kitchen) -> None:
    outcomes = Outcomes()
    runner.run([outcomes.job(Query("ann", 5)), outcomes.job(SimilarQuery(item_id(1), 5))])
    assert place.count("queue_seconds_count") == 2
    assert place.count("stage_seconds_count", stage="features") == 1
    assert place.count("stage_seconds_count", stage="similar") == 1


def test_a_batch_of_similar_items_reads_no_features(runner: BatchRunner, place: Kitchen) -> None:
    runner.run([Outcomes().job(SimilarQuery(item_id(1), 5))])
    assert place.store.reads == 0


def test_a_rejected_job_is_settled_with_the_reason() -> None:
    outcomes = Outcomes()
    error = ShortlistError("too late")
    reject(outcomes.job(Query("ann", 5)), error)
    assert outcomes.only() == (error, ())
