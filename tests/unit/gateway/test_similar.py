import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from shortlist.core.errors import NotFoundError, UnavailableError
from shortlist.core.types import Filter, PriceRange, SimilarQuery
from shortlist.gateway.similar import SimilarItems
from shortlist.gateway.slate import Slate
from shortlist.release.bundle import Release
from shortlist.retrieval.filters import Filters
from shortlist.telemetry.gateway import GatewayMetrics
from support.pipelines import BrokenIndex, open_index
from support.tiny_release import ITEMS, category_of, item_id, numbers_in

TEA = item_id(numbers_in("Tea")[0])


@pytest.fixture
def filters(tiny_release: Release) -> Filters:
    """Plan filters over the tiny release."""
    return Filters(tiny_release.catalogue, tiny_release.items.embeddings)


def fresh_metrics() -> GatewayMetrics:
    """Make metrics of their own."""
    return GatewayMetrics(CollectorRegistry(), ("method",), ("OK",), ("tower",))


@pytest.fixture
def similar(tiny_release: Release, filters: Filters) -> SimilarItems:
    """Find similar items in the tiny release."""
    return SimilarItems(tiny_release, open_index(tiny_release), filters, fresh_metrics())


def slate_of(similar: SimilarItems, query: SimilarQuery) -> Slate:
    """Ask for one answer."""
    (outcome,) = similar.run([query])
    assert isinstance(outcome, Slate)
    return outcome


def categories(slate: Slate) -> set[str]:
    """Name the categories of a slate."""
    return {category_of(row - 2) for row in slate.rows.tolist()}


def test_the_nearest_items_come_first_without_the_item_itself(similar: SimilarItems) -> None:
    slate = slate_of(similar, SimilarQuery(TEA, 10))
    assert len(slate.rows) == 10
    assert categories(slate) == {"Tea"}
    assert int(TEA.removeprefix("item-")) + 2 not in slate.rows.tolist()
    assert (np.diff(slate.scores) <= 0).all()


def test_scores_are_cosines(similar: SimilarItems, tiny_release: Release) -> None:
    slate = slate_of(similar, SimilarQuery(TEA, 10))
    vectors = tiny_release.items.embeddings.astype(np.float32)
    row = tiny_release.vocabulary.rows_of_ids([TEA])[0]
    assert np.allclose(slate.scores, vectors[slate.rows] @ vectors[row], atol=1e-6)


def test_an_item_that_the_catalogue_lacks_is_not_found_and_hurts_nobody(similar: SimilarItems) -> None:
    missing, found = similar.run([SimilarQuery("gone", 5), SimilarQuery(TEA, 5)])
    assert isinstance(missing, NotFoundError)
    assert "'gone'" in str(missing)
    assert isinstance(found, Slate)
    assert len(found.rows) == 5


def test_a_filter_is_exact(similar: SimilarItems, tiny_release: Release) -> None:
    condition = Filter(include_categories=("Home",), price=PriceRange(5.0, 25.0))
    slate = slate_of(similar, SimilarQuery(TEA, 100, condition))
    assert sorted(slate.rows.tolist()) == np.flatnonzero(tiny_release.catalogue.allowed(condition)).tolist()


def test_excluded_items_make_room_for_the_next(similar: SimilarItems, tiny_release: Release) -> None:
    first = slate_of(similar, SimilarQuery(TEA, 10)).rows.tolist()
    excluded = tuple(tiny_release.vocabulary.id_of(row) for row in first[:4])
    rest = slate_of(similar, SimilarQuery(TEA, 6, Filter(exclude_item_ids=(*excluded, "gone"))))
    assert rest.rows.tolist() == first[4:]


def test_more_than_the_catalogue_holds_gives_all_others_and_no_padding(similar: SimilarItems) -> None:
    slate = slate_of(similar, SimilarQuery(TEA, 200))
    assert len(slate.rows) == ITEMS - 1
    assert slate.rows.min() >= 2


def test_a_filter_that_leaves_nothing_gives_an_empty_list(similar: SimilarItems) -> None:
    assert len(slate_of(similar, SimilarQuery(TEA, 5, Filter(include_categories=("Cars",)))).rows) == 0


def test_a_batch_answers_each_request_as_if_it_were_alone(similar: SimilarItems) -> None:
    queries = [
        SimilarQuery(TEA, 5),
        SimilarQuery(item_id(3), 200),
        SimilarQuery(item_id(4), 7, Filter(exclude_categories=("Paper",))),
    ]
    for query, outcome in zip(queries, similar.run(queries), strict=True):
        assert isinstance(outcome, Slate)
        assert outcome.rows.tolist() == slate_of(similar, query).rows.tolist()


def test_an_index_that_is_gone_fails_each_request(tiny_release: Release, filters: Filters) -> None:
    metrics = fresh_metrics()
    outcomes = SimilarItems(tiny_release, BrokenIndex(), filters, metrics).run([SimilarQuery(TEA, 5)] * 2)
    assert [type(outcome) for outcome in outcomes] == [UnavailableError, UnavailableError]
    assert metrics.dependency_errors.labels("index")._value.get() == 1
