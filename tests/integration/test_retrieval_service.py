"""The retrieval service over the wire and as a process, and gateways that search by it."""

import shutil
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from shortlist.local.probes import http_answers
from shortlist.release.bundle import INDEX_NAME, Release
from shortlist.retrieval import app
from shortlist.retrieval.app import RetrievalServer
from shortlist.retrieval.config import RetrievalSettings
from shortlist.retrieval.remote import SERVICE
from shortlist.rpc.server import FrontKind
from shortlist.v1 import recommender_pb2, retrieval_pb2, retrieval_pb2_grpc
from support.front_doors import FRONT_KINDS, channel_to
from support.gateway_process import error_of, failed_start, running
from support.gateways import TIMEOUT_S, Reached, degraded_steps, failure_of, item_ids, reaching, serving
from support.pipelines import open_index
from support.real_servers import Valkey, free_ports
from support.retrieval_services import RETRIEVAL, HeldIndex, remote_index, served, service_settings
from support.running_cluster import wait_until
from support.tiny_release import DIMENSION, ITEMS, build_tiny_release, item_id

NOW = recommender_pb2.Context(time=Timestamp(seconds=int(time.time()) + 3600))
"""One moment for all calls that are compared: ages of events are features."""
USERS = [f"user-{number:02}" for number in range(8)]


def query(**fields: Any) -> retrieval_pb2.RetrieveRequest:
    """Ask for the three items nearest to one query, unless told otherwise."""
    queries = np.ones((1, DIMENSION), "<f4").tobytes()
    return retrieval_pb2.RetrieveRequest(
        **{"release": "tiny", "query_count": 1, "queries": queries, "limit": 3, **fields}
    )


@pytest.fixture(scope="module")
def address(tiny_release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a retrieval service as a process; its address."""
    port = free_ports().gateway
    with running(service_settings(tiny_release.path, port), port, tmp_path_factory.mktemp("retrieval"), RETRIEVAL):
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def beside(tiny_release: Release, valkey: Valkey, address: str) -> Iterator[Reached]:
    """Run a gateway that searches by it."""
    with serving(tiny_release, valkey.url, retrieval=address, start_wait_s=20.0) as reached:
        yield reached


def test_recommendations_are_those_of_a_gateway_that_searches_itself(beside: Reached, local_gateway: Reached) -> None:
    for user in USERS:
        there = beside.recommend(user, context=NOW, explain=True)
        here = local_gateway.recommend(user, context=NOW, explain=True)

        assert any("tower" in item.sources for item in there.items)
        assert item_ids(there) == item_ids(here)
        assert [item.explanation for item in there.items] == [item.explanation for item in here.items]
        assert degraded_steps(there) == degraded_steps(here) == []


def test_similar_items_are_those_of_a_gateway_that_searches_itself(beside: Reached, local_gateway: Reached) -> None:
    asked = recommender_pb2.SimilarItemsRequest(item_id=item_id(7), limit=30)

    there, here = (gateway.call_similar(asked, timeout=TIMEOUT_S) for gateway in (beside, local_gateway))

    assert [(item.item_id, item.score) for item in there.items] == [(item.item_id, item.score) for item in here.items]


def test_such_a_gateway_says_that_its_index_is_remote(beside: Reached) -> None:
    (sample,) = beside.metrics()["shortlist_gateway_info"].samples
    assert sample.labels["device"] == "remote"


def test_a_service_that_dies_leaves_fewer_candidates_and_one_that_is_back_whole_answers(
    tiny_release: Release, valkey: Valkey, tmp_path: Path
) -> None:
    port = free_ports().gateway
    settings = service_settings(tiny_release.path, port)
    with serving(tiny_release, valkey.url, retrieval=f"127.0.0.1:{port}") as reached:
        with running(settings, port, tmp_path, RETRIEVAL) as service:
            wait_until(lambda: not degraded_steps(reached.recommend("user-00", context=NOW)), "whole answers")
            whole = item_ids(reached.recommend("user-00", context=NOW))
            service.kill()

            for user in USERS:
                answer = reached.recommend(user, context=NOW)
                assert degraded_steps(answer) == ["FEWER_CANDIDATES"]
                assert len(answer.items) == 20
            assert reached.count("shortlist_gateway_dependency_errors_total", dependency="index") >= len(USERS)
            assert reached.count("shortlist_gateway_source_failures_total", source="tower") >= len(USERS)
            wait_until(
                lambda: reached.count("shortlist_gateway_breaker_state", dependency="index") > 0, "the breaker opens"
            )
            asked = recommender_pb2.SimilarItemsRequest(item_id=item_id(7))
            similar = failure_of(reached.call_similar.future(asked, timeout=TIMEOUT_S))
            assert similar.code() is grpc.StatusCode.UNAVAILABLE
            assert "index: " in similar.details()

        with running(settings, port, tmp_path, RETRIEVAL):
            wait_until(lambda: not degraded_steps(reached.recommend("user-00", context=NOW)), "whole answers again")
            assert item_ids(reached.recommend("user-00", context=NOW)) == whole
            wait_until(
                lambda: reached.count("shortlist_gateway_breaker_state", dependency="index") == 0, "it closes again"
            )


def test_a_gateway_that_starts_before_the_service_serves_with_fewer_candidates(
    tiny_release: Release, valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tiny_release, valkey.url, retrieval="127.0.0.1:9") as reached:
        assert degraded_steps(reached.recommend("user-00", context=NOW)) == ["FEWER_CANDIDATES"]

    assert "starting without index: index: UNAVAILABLE" in caplog.text


def test_a_gateway_of_another_release_uses_no_row_of_this_one(
    valkey: Valkey, address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = build_tiny_release(tmp_path / "other", release_id="other")

    with serving(other, valkey.url, retrieval=address) as reached:
        assert degraded_steps(reached.recommend("user-00", context=NOW)) == ["FEWER_CANDIDATES"]

    assert "FAILED_PRECONDITION: release: 'other' is asked for, 'tiny' is held" in caplog.text


@pytest.mark.parametrize("front", FRONT_KINDS)
def test_a_bad_request_is_refused_by_the_name_of_its_field(tiny_release: Release, front: FrontKind) -> None:
    bad = {
        "release": query(release="other"),
        "query_count": query(query_count=257),
        "queries": query(queries=b"1234"),
        "limit": query(limit=2049),
        "allowed_rows": query(allowed_rows=b"\1"),
    }
    with served(open_index(tiny_release), front=front) as service, channel_to(service.address) as channel:
        retrieve = retrieval_pb2_grpc.RetrievalServiceStub(channel).Retrieve
        for field, message in bad.items():
            failure = failure_of(retrieve.future(message, timeout=TIMEOUT_S))
            assert failure.details().startswith(f"{field}: ")
        assert len(retrieve(query(), timeout=TIMEOUT_S).rows) == 12
        assert service.count("requests_total", code="INVALID_ARGUMENT") == 4
        assert service.count("requests_total", code="FAILED_PRECONDITION") == 1
        assert service.count("requests_total", code="OK") == 1


@pytest.fixture(params=FRONT_KINDS)
def held(request: pytest.FixtureRequest, tiny_release: Release) -> Iterator[tuple[HeldIndex, Any, Any]]:
    """Serve an index whose only worker is busy with one call; the index, the service, its method."""
    index = HeldIndex(open_index(tiny_release))
    with (
        served(index, front=request.param, workers=1, max_waiting=3) as service,
        channel_to(service.address) as channel,
    ):
        retrieve = retrieval_pb2_grpc.RetrievalServiceStub(channel).Retrieve
        index.hold()
        first = retrieve.future(query(), timeout=TIMEOUT_S)
        wait_until(lambda: len(index.searched) == 1, "the first call is searched for")
        yield index, service, retrieve
        index.let_go()
        assert len(first.result(TIMEOUT_S).rows) == 12


def test_calls_that_waited_together_are_one_search(held: tuple[HeldIndex, Any, Any]) -> None:
    index, service, retrieve = held
    waiting = [retrieve.future(query(), timeout=TIMEOUT_S) for _ in range(3)]
    wait_until(lambda: service.count("waiting_requests") == 3, "three calls wait")
    index.let_go()

    assert {len(call.result(TIMEOUT_S).rows) for call in waiting} == {12}
    assert index.searched == [1, 3]
    assert service.count("batch_size_queries_sum") == 4


def test_a_call_whose_deadline_passes_while_it_waits_is_not_searched_for(held: tuple[HeldIndex, Any, Any]) -> None:
    index, service, retrieve = held
    late = failure_of(retrieve.future(query(), timeout=0.05))
    index.let_go()

    assert late.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: service.count("requests_total", code="DEADLINE_EXCEEDED") == 1, "it is counted")
    assert index.searched == [1]


def test_more_calls_than_may_wait_are_refused_with_a_time_to_come_back(held: tuple[HeldIndex, Any, Any]) -> None:
    index, service, retrieve = held
    waiting = [retrieve.future(query(), timeout=TIMEOUT_S) for _ in range(3)]
    wait_until(lambda: service.count("waiting_requests") == 3, "three calls wait")
    refused = failure_of(retrieve.future(query(), timeout=TIMEOUT_S))
    index.let_go()

    assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "retry-after-ms" in dict(refused.trailing_metadata() or ())
    assert {len(call.result(TIMEOUT_S).rows) for call in waiting} == {12}


@pytest.mark.parametrize("front", FRONT_KINDS)
def test_a_drain_answers_what_is_in_flight_and_refuses_what_comes(
    tiny_release: Release, front: FrontKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = HeldIndex(open_index(tiny_release))
    monkeypatch.setattr(app, "open_index", lambda *_: index)
    settings = RetrievalSettings(
        release=tiny_release.path, address="127.0.0.1:0", metrics_address="127.0.0.1:0", front=front, drain_s=30.0
    )
    server = RetrievalServer(settings)
    with channel_to(f"127.0.0.1:{server.port}") as channel, ThreadPoolExecutor(1) as closer:
        retrieve = retrieval_pb2_grpc.RetrievalServiceStub(channel).Retrieve
        index.searched.clear()
        index.hold()
        in_flight = retrieve.future(query(), timeout=TIMEOUT_S)
        wait_until(lambda: len(index.searched) == 1, "the call is searched for")
        closing = closer.submit(server.close)
        wait_until(lambda: not http_answers(server.metrics_port, "/health"), "the service is not ready any more")
        wait_until(
            lambda: isinstance(retrieve.future(query(), timeout=0.1).exception(TIMEOUT_S), grpc.RpcError), "refusals"
        )
        assert not in_flight.done()
        index.let_go()

        assert len(in_flight.result(TIMEOUT_S).rows) == 12
        closing.result(TIMEOUT_S)


def test_it_tells_its_health_and_describes_itself_and_its_metrics(tiny_release: Release, tmp_path: Path) -> None:
    ports = free_ports()
    settings = service_settings(tiny_release.path, ports.gateway, metrics_address=f"127.0.0.1:{ports.metrics}")
    with (
        running(settings, ports.gateway, tmp_path, RETRIEVAL),
        reaching(ports.gateway, ports.metrics) as reached,
    ):
        health = health_pb2_grpc.HealthStub(reached.channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        answers = reflection_pb2_grpc.ServerReflectionStub(reached.channel).ServerReflectionInfo(iter([asked]))
        retrieval_pb2_grpc.RetrievalServiceStub(reached.channel).Retrieve(query(), timeout=TIMEOUT_S)

        assert health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=TIMEOUT_S).status == 1
        assert SERVICE in {found.name for found in next(answers).list_services_response.service}
        assert http_answers(ports.metrics, "/health")
        assert reached.count("shortlist_retrieval_info", release="tiny", device="cpu") == 1
        assert reached.count("shortlist_retrieval_requests_total", code="OK") == 1


def test_sigterm_ends_it_with_status_0(tiny_release: Release, tmp_path: Path) -> None:
    port = free_ports().gateway
    with running(service_settings(tiny_release.path, port), port, tmp_path, RETRIEVAL) as service:
        service.terminate()

        assert service.wait() == 0
        assert service.wrote("draining")


def test_a_release_that_is_not_named_is_asked_for(tiny_release: Release) -> None:
    settings = service_settings(tiny_release.path)
    del settings["SHORTLIST_RETRIEVAL_RELEASE"]

    status, lines = failed_start(settings, RETRIEVAL)

    assert status == 1
    assert error_of(lines).startswith("cannot start: SHORTLIST_RETRIEVAL_RELEASE: name the directory")


def test_a_damaged_release_is_refused_with_the_file(tiny_release: Release, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny_release.path, damaged)
    (damaged / INDEX_NAME).write_bytes(b"no index")

    status, lines = failed_start(service_settings(damaged), RETRIEVAL)

    assert status == 1
    assert error_of(lines) == (
        f"cannot start: {damaged}: {INDEX_NAME} is damaged: its size or checksum is not the manifest's"
    )


@pytest.mark.parametrize("setting", ["address", "metrics_address"])
def test_an_address_in_use_is_refused_by_its_name(tiny_release: Release, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = {**service_settings(tiny_release.path), f"SHORTLIST_RETRIEVAL_{setting.upper()}": address}

        status, lines = failed_start(settings, RETRIEVAL)

    assert status == 1
    assert address in error_of(lines)


def test_a_setting_that_is_none_is_refused_by_its_name(tiny_release: Release) -> None:
    status, lines = failed_start(service_settings(tiny_release.path, foo="1"), RETRIEVAL)

    assert status == 1
    assert error_of(lines).startswith("cannot start: SHORTLIST_RETRIEVAL_FOO is no setting; known: ")


def test_searches_are_spread_over_the_services_behind_one_address(tiny_release: Release) -> None:
    with served(open_index(tiny_release)) as first, served(open_index(tiny_release)) as second:
        index = remote_index(f"ipv4:{first.address},{second.address}", ITEMS, DIMENSION)

        def both_were_asked() -> bool:
            index.search(np.ones((1, DIMENSION), np.float32), 3)
            return min(service.count("requests_total", code="OK") for service in (first, second)) > 0

        wait_until(both_were_asked, "both services are asked")
        index.close()
