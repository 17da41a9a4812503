"""The gateway as a process: how it refuses to start, and how it drains."""

import shutil
import socket
from pathlib import Path

import grpc
import pytest

from shortlist.release.bundle import INDEX_NAME, Release
from shortlist.rpc.server import FrontKind
from shortlist.v1 import recommender_pb2
from support.front_doors import FRONT_KINDS
from support.gateway_process import error_of, failed_start, running, settings_of, starting
from support.gateways import TIMEOUT_S, failure_of, reaching
from support.misbehaving import FakeTriton
from support.real_servers import free_ports
from support.running_cluster import wait_until

REQUEST = recommender_pb2.RecommendRequest(user_id="user-00", session_item_ids=["item-000"])


def test_an_unknown_setting_is_refused_by_its_name(tiny_release: Release) -> None:
    status, lines = failed_start(settings_of(tiny_release.path, gateway_foo="1"))

    assert status == 1
    assert "SHORTLIST_GATEWAY_FOO is no setting; known: " in error_of(lines)


def test_a_setting_out_of_range_is_refused_by_its_name(tiny_release: Release) -> None:
    status, lines = failed_start(settings_of(tiny_release.path, gateway_workers="0"))

    assert status == 1
    assert error_of(lines) == ("cannot start: SHORTLIST_GATEWAY_WORKERS: Input should be greater than or equal to 1")


def test_a_release_that_is_not_named_is_asked_for(tiny_release: Release) -> None:
    settings = settings_of(tiny_release.path)
    del settings["SHORTLIST_GATEWAY_RELEASE"]

    status, lines = failed_start(settings)

    assert status == 1
    assert error_of(lines) == "cannot start: SHORTLIST_GATEWAY_RELEASE: Field required"


def test_a_url_of_the_online_store_that_is_none_is_refused_without_repeating_it(tiny_release: Release) -> None:
    status, lines = failed_start(settings_of(tiny_release.path, features_redis_url="secret@localhost:6379"))

    assert status == 1
    assert error_of(lines).startswith("cannot start: the online store's URL is wrong: Redis URL must specify")
    assert "secret" not in "".join(lines)


def test_a_missing_release_is_refused_with_its_path_in_one_line(tmp_path: Path) -> None:
    status, lines = failed_start(settings_of(tmp_path / "nowhere"))

    assert (status, len(lines)) == (1, 1)
    assert error_of(lines) == (
        f"cannot start: {tmp_path / 'nowhere'}: manifest.json cannot be read: No such file or directory"
    )


def test_a_damaged_release_is_refused_with_the_file(tiny_release: Release, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny_release.path, damaged)
    index = bytearray((damaged / INDEX_NAME).read_bytes())
    index[100] ^= 1
    (damaged / INDEX_NAME).write_bytes(index)

    status, lines = failed_start(settings_of(damaged))

    assert status == 1
    assert error_of(lines) == (
        f"cannot start: {damaged}: {INDEX_NAME} is damaged: its size or checksum is not the manifest's"
    )


@pytest.mark.parametrize("front", FRONT_KINDS)
def test_a_port_in_use_is_refused_with_the_address(tiny_release: Release, front: FrontKind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        status, lines = failed_start(settings_of(tiny_release.path, port, gateway_front=front))

    assert status == 1
    assert error_of(lines) == (
        f"cannot start: cannot listen on 127.0.0.1:{port}: it is in use or is no address of this host; "
        "choose another address"
    )


def test_a_metrics_port_in_use_is_refused_with_the_address(tiny_release: Release) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        status, lines = failed_start(settings_of(tiny_release.path, gateway_metrics_address=address))

    assert status == 1
    assert f"metrics address {address} cannot be bound" in error_of(lines)


@pytest.mark.parametrize("front", FRONT_KINDS)
def test_sigterm_answers_the_calls_in_flight_and_ends_with_status_0(
    tiny_release: Release, tmp_path: Path, front: FrontKind
) -> None:
    ports = free_ports()
    with FakeTriton() as triton:
        settings = settings_of(
            tiny_release.path,
            ports.gateway,
            gateway_front=front,
            gateway_batch_workers="1",
            gateway_max_batch="1",
            gateway_metrics_address=f"127.0.0.1:{ports.metrics}",
            ranking_backend="triton",
            ranking_triton_address=triton.address,
            ranking_timeout_s="10",
        )
        with (
            running(settings, ports.gateway, tmp_path) as process,
            reaching(ports.gateway, ports.metrics) as reached,
        ):
            ranked = len(triton.batches)
            triton.hold()
            in_flight = [reached.call.future(REQUEST, timeout=TIMEOUT_S) for _ in range(3)]
            wait_until(lambda: len(triton.batches) == ranked + 1, "the first call reaches the ranker")
            wait_until(lambda: reached.count("shortlist_gateway_waiting_requests") == 2, "two calls wait")

            process.terminate()
            wait_until(lambda: process.wrote("draining"), "the drain")
            with reaching(ports.gateway, ports.metrics) as newcomer:
                late = failure_of(newcomer.call.future(REQUEST, timeout=TIMEOUT_S))
            triton.let_go()

            assert late.code() is grpc.StatusCode.UNAVAILABLE
            assert [call.result(TIMEOUT_S).ranker for call in in_flight] == ["triton"] * 3
            assert process.wait() == 0


def test_a_gateway_that_waits_for_its_dependencies_ends_at_sigterm(tiny_release: Release, tmp_path: Path) -> None:
    settings = settings_of(tiny_release.path, gateway_start_wait_s="600")

    with starting(settings, tmp_path) as gateway:
        wait_until(lambda: gateway.wrote("waiting for redis"), "the wait for Redis")
        gateway.terminate()
        assert gateway.wait() == 0
