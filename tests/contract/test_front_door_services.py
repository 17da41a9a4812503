"""Health and reflection stand beside the methods of both front doors."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from shortlist.rpc.front import FrontDoor
from shortlist.rpc.health import Health
from shortlist.rpc.server import FrontKind
from shortlist.rpc.services import reflecting
from support.front_doors import FRONT_KINDS, TIMEOUT_S, calling, channel_to, echo, on, opened

SERVICE = "test.EchoService"

pytestmark = pytest.mark.parametrize("kind", FRONT_KINDS)


@pytest.fixture
def health() -> Health:
    return Health((SERVICE,), checks=("release", "warm-up"))


@pytest.fixture
def front(kind: FrontKind, health: Health) -> Iterator[FrontDoor]:
    with opened(kind, echo, services=(health.add_to, reflecting((SERVICE,)))) as front:
        yield front


@pytest.fixture
def channel(front: FrontDoor) -> Iterator[grpc.Channel]:
    with channel_to(f"127.0.0.1:{front.port}") as channel:
        yield channel


def check(channel: grpc.Channel, service: str) -> str:
    request = health_pb2.HealthCheckRequest(service=service)
    response = health_pb2_grpc.HealthStub(channel).Check(request, timeout=TIMEOUT_S)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))


def watch(channel: grpc.Channel) -> Iterator[health_pb2.HealthCheckResponse]:
    watcher: Iterator[health_pb2.HealthCheckResponse] = health_pb2_grpc.HealthStub(channel).Watch(
        health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S
    )
    return watcher


def test_health_is_serving_once_every_check_passes_and_never_again_after_a_drain(
    channel: grpc.Channel, health: Health
) -> None:
    assert check(channel, "") == "NOT_SERVING"
    health.set("release", passes=True)
    assert check(channel, SERVICE) == "NOT_SERVING"
    health.set("warm-up", passes=True)
    assert [check(channel, ""), check(channel, SERVICE)] == ["SERVING", "SERVING"]
    health.drain()
    health.set("release", passes=True)
    assert [check(channel, ""), check(channel, SERVICE)] == ["NOT_SERVING", "NOT_SERVING"]


def test_health_of_an_unknown_service_is_not_found(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        check(channel, "missing.Service")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_every_watcher_of_health_sees_every_change_though_another_leaves(channel: grpc.Channel, health: Health) -> None:
    staying, leaving = watch(channel), watch(channel)
    for watcher in (staying, leaving):
        assert next(watcher).status == health_pb2.HealthCheckResponse.NOT_SERVING
    leaving.cancel()  # type: ignore[attr-defined]
    health.set("release", passes=True)
    health.set("warm-up", passes=True)
    assert next(staying).status == health_pb2.HealthCheckResponse.SERVING
    health.drain()
    assert next(staying).status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_reflection_lists_the_services(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = stub.ServerReflectionInfo(iter((request,)), timeout=TIMEOUT_S)
    assert SERVICE in {service.name for service in answer.list_services_response.service}


def test_our_own_methods_are_served_beside_them_and_unknown_ones_are_not(
    front: FrontDoor, channel: grpc.Channel
) -> None:
    with calling(front) as call:
        assert call(b"ours", timeout=TIMEOUT_S) == b"ours"
    unknown = on(channel, f"/{SERVICE}/Missing").future(b"").exception(TIMEOUT_S)
    assert isinstance(unknown, grpc.RpcError)
    assert unknown.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_stop_with_a_watcher_neither_hangs_nor_leaves_a_file(
    kind: FrontKind, health: Health, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with opened(kind, echo, services=(health.add_to,)) as front, channel_to(f"127.0.0.1:{front.port}") as channel:
        watcher = watch(channel)
        next(watcher)
        front.stop(TIMEOUT_S)
        with pytest.raises(grpc.RpcError) as caught:
            next(watcher)
        assert caught.value.code() is not grpc.StatusCode.DEADLINE_EXCEEDED
    assert list(tmp_path.iterdir()) == []
