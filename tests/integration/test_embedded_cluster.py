"""The embedded cluster with real Valkey and real Triton, and a stand-in for the gateway; killed in every way."""

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from rich.console import Console
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from shortlist.core.errors import StartError
from shortlist.local.cluster import Cluster, PartStartError
from shortlist.local.config import LocalSettings
from shortlist.local.host import PYTHON, find_libpython, refuse_unfit_host
from shortlist.local.parts import Part
from shortlist.local.probes import grpc_serves, http_answers, valkey_answers
from shortlist.local.process import Process
from shortlist.local.triton_install import SERVER, VERSION, install_triton
from shortlist.resilience.restarts import RestartBudget
from support.running_cluster import RunningCluster, wait_until
from support.stand_in_gateway import MODEL, MODEL_CONFIG, MODEL_NAME

Launch = Callable[..., RunningCluster]


@pytest.fixture(scope="module")
def _triton() -> None:
    """Fetch Triton, the first time, into the user's own cache."""
    try:
        refuse_unfit_host()
        find_libpython()
    except StartError as error:
        pytest.skip(str(error))
    install_triton(LocalSettings().cache_dir, Console(stderr=True))


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    launched: list[RunningCluster] = []

    def start(*arguments: Any, **options: Any) -> RunningCluster:
        directory = tmp_path / str(len(launched))
        directory.mkdir()
        launched.append(RunningCluster(directory, *arguments, **options))
        return launched[-1]

    yield start
    for cluster in launched:
        cluster.close()


@pytest.fixture(scope="module")
def triton_cluster(tmp_path_factory: pytest.TempPathFactory, _triton: None) -> Iterator[dict[str, Any]]:
    """Addresses of a cluster with Triton, shared by the tests that only look."""
    # a proxy that does not answer: nothing on loopback may ask it
    proxy = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    cluster = RunningCluster(tmp_path_factory.mktemp("cluster"), "triton", environment=proxy)
    try:
        yield cluster.ready()
    finally:
        cluster.close()


def port_of(address: str) -> int:
    return int(address.removeprefix("http://").removesuffix("/metrics").removesuffix("/0").rsplit(":", 1)[1])


def test_a_ready_cluster_answers_at_every_address(triton_cluster: dict[str, Any]) -> None:

    assert valkey_answers(port_of(triton_cluster["redis"]))
    assert grpc_serves(port_of(triton_cluster["gateway"]))
    assert http_answers(port_of(triton_cluster["triton_http"]), "/v2/health/live")
    assert http_answers(port_of(triton_cluster["triton_metrics"]), "/metrics")
    assert triton_cluster["ranker"] == "triton"
    assert redis.Redis.from_url(triton_cluster["redis"]).get("seeded") == b"release"


def test_a_model_on_triton_runs_with_the_packages_of_this_interpreter(triton_cluster: dict[str, Any]) -> None:
    x = InferInput("x", [3], "FP32")
    x.set_data_from_numpy(np.array([1.0, 2.0, 3.5], np.float32))

    with InferenceServerClient(triton_cluster["triton_grpc"]) as client:
        y = client.infer(MODEL_NAME, [x]).as_numpy("y")

    assert y is not None
    np.testing.assert_array_equal(y, [2.0, 4.0, 7.0])


def test_triton_loads_no_model_for_someone_without_the_secret(triton_cluster: dict[str, Any]) -> None:

    with (
        InferenceServerClient(triton_cluster["triton_grpc"]) as client,
        pytest.raises(InferenceServerException, match="restricted"),
    ):
        client.load_model("evil", config=str(MODEL_CONFIG), files={"file:1/model.py": MODEL})
    with socket.create_connection(("127.0.0.1", port_of(triton_cluster["triton_http"])), 5.0) as connection:
        connection.sendall(b"POST /v2/repository/models/evil/load HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        assert b" 403 " in connection.recv(64)


@pytest.mark.usefixtures("_triton")
def test_sigterm_ends_every_process_and_is_no_error(launch: Launch) -> None:
    cluster = launch("triton")
    cluster.ready()
    assert any("triton_python_backend_stub" in command for command in cluster.processes().values())

    cluster.signal(signal.SIGTERM)

    assert cluster.wait() == 0
    assert cluster.processes() == {}


@pytest.mark.usefixtures("_triton")
def test_a_killed_supervisor_takes_every_process_with_it(launch: Launch) -> None:
    cluster = launch("triton")
    cluster.ready()
    commands = " ".join(cluster.processes().values())
    for program in ("valkey-server", "tritonserver", "triton_python_backend_stub", "stand_in_gateway.py"):
        assert program in commands

    cluster.signal(signal.SIGKILL)

    wait_until(lambda: cluster.processes() == {}, "all processes gone", timeout_s=5.0)


def test_ctrl_c_ends_every_process_too(launch: Launch) -> None:
    cluster = launch()
    cluster.ready()

    cluster.signal(signal.SIGINT)

    assert cluster.wait() == 0
    assert cluster.processes() == {}


def test_a_killed_gateway_is_started_again_and_reported(launch: Launch) -> None:
    cluster = launch()
    port = port_of(cluster.ready()["gateway"])

    cluster.kill("stand_in_gateway.py")

    wait_until(lambda: "gateway is ready again" in cluster.stderr, "the gateway's restart")
    assert "gateway was ended by SIGKILL; starting it again in 0.2 s" in cluster.stderr
    assert grpc_serves(port)


def test_a_killed_valkey_is_started_again_and_seeded_again(launch: Launch) -> None:
    cluster = launch()
    url = cluster.ready()["redis"]

    cluster.kill("valkey-server")

    wait_until(lambda: "valkey is ready again" in cluster.stderr, "valkey's restart")
    assert redis.Redis.from_url(url).get("seeded") == b"release"


@pytest.mark.usefixtures("_triton")
def test_a_killed_triton_is_started_again_without_stubs_of_the_old_one(launch: Launch) -> None:
    cluster = launch("triton")
    port = port_of(cluster.ready()["triton_http"])

    cluster.kill("bin/tritonserver")

    wait_until(lambda: "triton is ready again" in cluster.stderr, "triton's restart")
    assert http_answers(port, "/v2/health/live")
    assert not any("triton_python_backend_stub" in command for command in cluster.processes().values())


def test_a_second_cluster_on_the_same_ports_is_refused_by_name(launch: Launch) -> None:
    addresses = launch().ready()
    ports = {name: port_of(addresses[name]) for name in ("gateway", "metrics", "redis")}

    second = launch("onnxruntime", ports | {"redis": 0})

    assert second.wait() == 1
    assert second.stderr.strip() == (
        f"port {ports['gateway']} (gateway) is taken: stop the other cluster or choose another with --gateway-port"
    )
    assert grpc_serves(ports["gateway"])


def test_a_gateway_that_cannot_start_fails_the_cluster_with_the_end_of_its_log(launch: Launch) -> None:
    cluster = launch(broken="broken")

    assert cluster.wait() == 1
    assert "gateway ended with status 1 before it was ready" in cluster.stderr
    assert "items.faiss has another checksum" in cluster.stderr
    assert cluster.processes() == {}


def test_a_release_that_cannot_be_seeded_fails_the_cluster_with_the_reason(launch: Launch) -> None:
    cluster = launch(broken="unseedable")

    assert cluster.wait() == 1
    assert "users.npz is truncated" in cluster.stderr
    assert cluster.processes() == {}


def test_where_triton_cannot_be_had_the_cluster_says_why_and_ranks_in_the_gateway(
    launch: Launch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    no_cache = {"SHORTLIST_LOCAL_CACHE_DIR": str(tmp_path / "file" / "cache")}

    cluster = launch("auto", environment=no_cache)
    addresses = cluster.ready()

    assert addresses["ranker"] == "onnxruntime"
    assert addresses["triton_grpc"] is None
    assert "Without Triton" in cluster.stderr

    insisting = launch("triton", environment=no_cache)
    assert insisting.wait() == 1


@pytest.mark.usefixtures("_triton")
def test_where_triton_does_not_start_the_cluster_says_why_and_ranks_in_the_gateway(
    launch: Launch, tmp_path: Path
) -> None:
    server = tmp_path / f"nvidia-pytriton-{VERSION}-python{PYTHON}" / SERVER
    server.parent.mkdir(parents=True)
    server.write_text("#!/bin/sh\necho no such luck; exit 3")
    server.chmod(0o755)

    cluster = launch("auto", environment={"SHORTLIST_LOCAL_CACHE_DIR": str(tmp_path)})

    assert cluster.ready()["ranker"] == "onnxruntime"
    assert "Without Triton: triton ended with status 3 before it was ready" in cluster.stderr
    assert "triton.log ends:\nno such luck" in cluster.stderr


def test_a_part_that_dies_again_and_again_ends_the_cluster(tmp_path: Path) -> None:
    reports: list[str] = []
    part = Part("mayfly", ("sleep", "0.05"), probe=lambda: True)
    budget = RestartBudget(limit=2, first_delay_s=0.01)

    with (
        Cluster([part], tmp_path, reports.append, budget=lambda: budget) as cluster,
        pytest.raises(PartStartError, match="mayfly dies again and again; the last time: mayfly ended with status 0"),
    ):
        cluster.watch()

    assert len(reports) == 4  # two deaths, two restarts


def test_a_part_that_ignores_sigterm_is_killed_with_its_helpers_after_the_grace(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 60 & echo $!; wait; sleep 60"
    process = Process("deaf", ("sh", "-c", script), {}, tmp_path / "deaf.log")
    process.wait_ready(lambda: (tmp_path / "deaf.log").read_text() != "", timeout_s=5.0)
    helper = int((tmp_path / "deaf.log").read_text())

    process.stop(grace_s=0.1)

    assert process.ending == "was ended by SIGKILL"
    wait_until(lambda: not is_alive(helper), "the helper's end", timeout_s=5.0)


def test_a_command_that_does_not_exist_is_an_error_with_its_name(tmp_path: Path) -> None:
    process = Process("ghost", ("/no/such/program",), {}, tmp_path / "ghost.log")

    with pytest.raises(StartError, match=r"(?s)ghost ended with status 1.*/no/such/program: No such file"):
        process.wait_ready(lambda: False, timeout_s=5.0)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
