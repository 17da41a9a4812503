"""The gateway and its ranker over the wire: a Triton that is down, slow, restarted empty, or answers nonsense."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from shortlist.core.arrays import AnyArray
from shortlist.ranking.triton_repository import model_name
from shortlist.release.bundle import Release
from shortlist.v1 import recommender_pb2
from support.gateways import UNREACHABLE, Reached, degraded_steps, item_ids, serving
from support.misbehaving import Answer, FakeTriton, even
from support.real_servers import Triton, Valkey
from support.running_cluster import wait_until

NOW = recommender_pb2.Context(time=Timestamp(seconds=int(time.time()) + 3600))


@pytest.fixture(scope="module")
def faked(tiny_release: Release, valkey: Valkey) -> Iterator[tuple[Reached, FakeTriton]]:
    """Run a gateway over a Triton that answers as a test tells it to."""
    with FakeTriton() as triton, serving(tiny_release, valkey.url, triton.address) as reached:
        yield reached, triton


def is_in_retrieval_order(answer: recommender_pb2.RecommendResponse) -> bool:
    """Tell whether nobody ranked, and scores are the retrieval scores."""
    return (
        degraded_steps(answer) == ["RANKER_UNAVAILABLE"]
        and answer.ranker == ""
        and len(answer.items) == 20
        and all(item.score == item.retrieval_score for item in answer.items)
    )


def ranked_again(reached: Reached) -> None:
    wait_until(lambda: not reached.recommend("user-00").degraded, "the ranker answers again")
    assert reached.recommend("user-00").ranker == "triton"


def test_a_killed_triton_leaves_retrieval_order_and_gets_its_ranker_back_when_it_restarts_empty(
    tiny_release: Release, valkey: Valkey, tmp_path: Path
) -> None:
    with (
        Triton(tmp_path) as triton,
        serving(tiny_release, valkey.url, triton.address, start_wait_s=20.0) as reached,
    ):
        before = reached.recommend("user-00", context=NOW)
        assert before.ranker == "triton"

        triton.kill()

        assert is_in_retrieval_order(reached.recommend("user-00"))
        assert reached.count("shortlist_gateway_degraded_total", reason="ranker_unavailable") == 1

        triton.start()
        assert not triton.holds(model_name(tiny_release.manifest))

        ranked_again(reached)
        assert triton.holds(model_name(tiny_release.manifest))
        assert item_ids(reached.recommend("user-00", context=NOW)) == item_ids(before)


def test_answers_leave_triton_s_log_quiet(tiny_release: Release, valkey: Valkey, tmp_path: Path) -> None:
    with (
        Triton(tmp_path) as triton,
        serving(tiny_release, valkey.url, triton.address, start_wait_s=20.0) as reached,
    ):
        before = triton.log
        assert {reached.recommend("user-00").ranker for _ in range(5)} == {"triton"}
        assert triton.log == before


def test_a_gateway_that_starts_without_triton_serves_in_retrieval_order(tiny_release: Release, valkey: Valkey) -> None:
    with serving(tiny_release, valkey.url, UNREACHABLE) as reached:
        assert is_in_retrieval_order(reached.recommend("user-00"))


def test_without_triton_and_valkey_a_session_is_still_answered(tiny_release: Release) -> None:
    with serving(tiny_release, triton=UNREACHABLE) as reached:
        answer = reached.recommend("user-00", session_item_ids=["item-000"])

    assert degraded_steps(answer) == ["FEATURES_UNAVAILABLE", "RANKER_UNAVAILABLE", "STALE_CATALOGUE"]
    assert len(answer.items) == 20


def test_a_gateway_that_stops_leaves_the_ranker_to_the_other_gateways(
    tiny_release: Release, valkey: Valkey, triton: Triton, gateway: Reached
) -> None:
    with serving(tiny_release, valkey.url, triton.address, start_wait_s=20.0) as other:
        assert other.recommend("user-00").ranker == "triton"

    assert triton.holds(model_name(tiny_release.manifest))
    assert gateway.recommend("user-00").ranker == "triton"


def of_another_width(candidates: AnyArray) -> AnyArray:
    return np.zeros((len(candidates), candidates.shape[1] + 1), np.float32)


def of_one_request_too_few(candidates: AnyArray) -> AnyArray:
    return np.zeros((len(candidates) - 1, candidates.shape[1]), np.float32)


def with_a_nan(candidates: AnyArray) -> AnyArray:
    scores = np.zeros(candidates.shape, np.float32)
    scores[0, 0] = np.nan
    return scores


def infinite(candidates: AnyArray) -> AnyArray:
    return np.full(candidates.shape, np.inf, np.float32)


def of_another_type(candidates: AnyArray) -> AnyArray:
    return np.zeros(candidates.shape, np.float64)


def failing(candidates: AnyArray) -> AnyArray:
    raise RuntimeError("out of memory")


@pytest.mark.parametrize(
    "nonsense", [of_another_width, of_one_request_too_few, with_a_nan, infinite, of_another_type, failing]
)
def test_nonsense_from_triton_leaves_retrieval_order_until_it_answers_sensibly(
    faked: tuple[Reached, FakeTriton], nonsense: Answer
) -> None:
    reached, triton = faked
    errors = reached.count("shortlist_gateway_dependency_errors_total", dependency="triton")
    triton.answer = nonsense

    assert is_in_retrieval_order(reached.recommend("user-00"))
    assert reached.count("shortlist_gateway_dependency_errors_total", dependency="triton") == errors + 1

    triton.answer = even
    ranked_again(reached)


def test_a_triton_that_hangs_is_left_alone_after_a_few_batches_and_asked_again_later(
    tiny_release: Release, valkey: Valkey
) -> None:
    with (
        FakeTriton() as triton,
        serving(tiny_release, valkey.url, triton.address, ranking_timeout_s=0.05) as reached,
    ):
        triton.hold()
        asked = len(triton.batches)

        for _ in range(8):
            assert is_in_retrieval_order(reached.recommend("user-00"))
        assert 5 <= len(triton.batches) - asked < 8
        wait_until(
            lambda: reached.count("shortlist_gateway_breaker_state", dependency="triton") == 2, "an open breaker"
        )

        triton.let_go()
        ranked_again(reached)


def test_a_triton_that_hangs_does_not_cost_a_caller_in_a_hurry_its_answer(
    tiny_release: Release, valkey: Valkey
) -> None:
    request = recommender_pb2.RecommendRequest(user_id="user-00")
    with (
        FakeTriton() as triton,
        serving(tiny_release, valkey.url, triton.address, ranking_timeout_s=10.0) as reached,
    ):
        triton.hold()

        assert is_in_retrieval_order(reached.call(request, timeout=1.0))
