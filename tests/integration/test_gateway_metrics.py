"""The gateway's metrics over HTTP, as Prometheus reads them."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from prometheus_client import Metric

from shortlist.gateway.live import LIVE_SOURCES
from shortlist.release.bundle import Release
from shortlist.retrieval.delta import NEW_ARRIVALS
from shortlist.v1 import recommender_pb2
from support.gateways import TIMEOUT_S, Reached, failure_of, serving
from support.real_servers import Valkey
from support.running_cluster import wait_until
from support.tiny_release import SOURCES, item_id

SERVICE = "/shortlist.v1.RecommenderService"
STAGE_SECONDS = "shortlist_gateway_stage_seconds"
QUEUE_SECONDS = "shortlist_gateway_queue_seconds"
PIPELINE_STAGES = ("features", "encode", *SOURCES, *LIVE_SOURCES, NEW_ARRIVALS, "merge", "tensors", "rank", "slate")


@pytest.fixture
def fresh(tiny_release: Release, valkey: Valkey) -> Iterator[Reached]:
    """Run a gateway that has counted nothing yet."""
    with serving(tiny_release, valkey.url) as reached:
        yield reached


def bucket_bounds(histogram: Metric) -> list[float]:
    return sorted({float(sample.labels["le"]) for sample in histogram.samples if sample.name.endswith("_bucket")})


def test_every_metric_carries_help_and_a_shortlist_name_or_is_the_process_s_own(local_gateway: Reached) -> None:
    metrics = local_gateway.metrics()

    ours = [family for name, family in metrics.items() if name.startswith("shortlist_")]
    assert ours
    assert all(family.documentation for family in ours)
    assert all(name.startswith(("shortlist_", "process_", "python_")) for name in metrics)


def test_latency_buckets_are_fine_below_10_ms_and_reach_the_longest_deadline(local_gateway: Reached) -> None:
    for name in (STAGE_SECONDS, QUEUE_SECONDS, "shortlist_gateway_request_seconds"):
        bounds = bucket_bounds(local_gateway.metrics()[name])

        fine = [bound for bound in bounds if bound <= 0.01]
        assert len(fine) >= 12
        assert all(upper / lower <= 2.0 for lower, upper in pairwise(fine))
        assert bounds[-2] >= 10.0


def test_every_stage_counts_one_for_each_batch_and_the_queue_one_for_each_request(fresh: Reached) -> None:
    stages = dict.fromkeys(PIPELINE_STAGES, 0.0)
    assert stages == {stage: fresh.count(f"{STAGE_SECONDS}_count", stage=stage) for stage in stages}

    for _ in range(3):
        fresh.recommend("user-00")
    requests = [recommender_pb2.RecommendRequest(user_id="user-01")] * 20
    fresh.call_batch(recommender_pb2.RecommendBatchRequest(requests=requests), timeout=TIMEOUT_S)

    batches = fresh.count("shortlist_gateway_batch_size_requests_count")
    assert 4 <= batches < 23
    assert fresh.count("shortlist_gateway_batch_size_requests_sum") == 23
    assert {fresh.count(f"{STAGE_SECONDS}_count", stage=stage) for stage in stages} == {batches}
    assert fresh.count(f"{QUEUE_SECONDS}_count") == 23
    assert "queue" not in {
        sample.labels["stage"] for sample in fresh.metrics()[STAGE_SECONDS].samples if "stage" in sample.labels
    }


def test_similar_items_are_a_stage_of_their_own(fresh: Reached) -> None:
    fresh.call_similar(recommender_pb2.SimilarItemsRequest(item_id=item_id(0)), timeout=TIMEOUT_S)

    assert fresh.count(f"{STAGE_SECONDS}_count", stage="similar") == 1
    assert fresh.count(f"{STAGE_SECONDS}_count", stage="rank") == 0


def test_calls_are_counted_and_timed_by_method_and_code(fresh: Reached) -> None:
    fresh.recommend("user-00")
    fresh.recommend("user-01")
    failure_of(fresh.call.future(recommender_pb2.RecommendRequest(), timeout=TIMEOUT_S))
    failure_of(fresh.call_similar.future(recommender_pb2.SimilarItemsRequest(item_id="ghost"), timeout=TIMEOUT_S))

    def requests(method: str, code: str) -> float:
        return fresh.count("shortlist_gateway_requests_total", method=f"{SERVICE}/{method}", code=code)

    assert requests("Recommend", "OK") == 2
    assert requests("Recommend", "INVALID_ARGUMENT") == 1
    assert requests("SimilarItems", "NOT_FOUND") == 1
    assert fresh.count("shortlist_gateway_requests_total") == 4
    assert fresh.count("shortlist_gateway_request_seconds_count", method=f"{SERVICE}/Recommend") == 3


def test_every_label_set_is_there_before_it_is_needed(local_gateway: Reached) -> None:
    names = {
        (sample.name, *sorted(sample.labels.items()))
        for family in local_gateway.metrics().values()
        for sample in family.samples
    }

    for reason in ("deadline", "cancelled", "shutdown", "failed"):
        assert ("shortlist_gateway_dropped_total", ("reason", reason)) in names
    assert ("shortlist_gateway_degraded_total", ("reason", "ranker_unavailable")) in names
    assert ("shortlist_features_bad_rows_total",) in names


def test_the_info_metric_says_what_is_running(local_gateway: Reached, tiny_release: Release) -> None:
    (sample,) = local_gateway.metrics()["shortlist_gateway_info"].samples

    assert sample.labels["release"] == tiny_release.id
    assert sample.labels["ranker"] == "onnxruntime"
    assert sample.labels["device"] == "cpu"
    assert sample.value == 1


def test_what_is_served_is_described(local_gateway: Reached, tiny_release: Release) -> None:
    manifest = tiny_release.manifest

    assert local_gateway.count("shortlist_gateway_catalogue_items") == manifest.item_count
    assert local_gateway.count("shortlist_gateway_index_items") == manifest.item_count
    trained_until = local_gateway.count("shortlist_gateway_release_trained_until_seconds")
    assert trained_until == manifest.trained_until.timestamp()


def test_what_answers_hold_is_counted_as_they_are_given(fresh: Reached) -> None:
    searches = fresh.count("shortlist_gateway_index_search_seconds_count")

    answers = [fresh.recommend("user-00"), fresh.recommend("user-01"), fresh.recommend("nobody")]

    given = [item for answer in answers for item in answer.items]
    scores = "shortlist_gateway_score_log_odds_bucket"
    wait_until(lambda: fresh.count("shortlist_gateway_slates_total", degraded="no") == 3, "the answers are counted", 10)
    wait_until(lambda: fresh.count(scores, le="+Inf") == 2 * len(answers[0].items), "the scores are counted", 10)
    assert fresh.count("shortlist_gateway_distinct_items") == len({item.item_id for item in given})
    assert fresh.count("shortlist_gateway_index_search_seconds_count") == searches + 2
    assert fresh.count("shortlist_gateway_feature_age_seconds_count") == 2
    for source in SOURCES:
        proposed = sum(source in item.sources for item in given)
        assert fresh.count("shortlist_gateway_recommended_items_total", source=source) == proposed


def test_the_cardinality_does_not_grow_with_users_or_items(fresh: Reached) -> None:
    before = sum(len(family.samples) for family in fresh.metrics().values())

    for number in range(20):
        fresh.recommend(f"user-{number}", session_item_ids=[item_id(number), f"ghost-{number}"])

    assert sum(len(family.samples) for family in fresh.metrics().values()) == before
