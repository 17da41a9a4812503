"""The compose stack from a clean copy: it comes up, answers, is closed, and survives the kill of each part.

Grafana is left out. It runs where a Docker engine is, and says where it is not.
"""

import http.client
import json
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from shortlist.v1 import recommender_pb2, recommender_pb2_grpc
from support.compose import PARTS, Caller, Stack, missing_engine, run, running_stack
from support.running_cluster import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(missing_engine()), reason=f"the compose stack was not run: {missing_engine()}"),
]
USER = "1"
BACK_WITHIN_S = 10.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("checkout")) as running:
        yield running


@pytest.fixture
def caller(stack: Stack) -> Iterator[Caller]:
    """Call all the time, beginning when answers are whole."""
    with Caller(f"127.0.0.1:{stack.port('EDGE_PORT')}") as calling:
        wait_until(lambda: calling.last == "", "answers are whole", timeout_s=60.0)
        calling.forget()
        yield calling


def from_prometheus(stack: Stack, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", stack.port("PROMETHEUS_PORT"), timeout=10)
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())["data"]


def test_curl_gets_an_answer_ranked_in_the_triton_container(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.port('EDGE_PORT')}/v1/users/{USER}/recommendations?limit=5"
    answer = json.loads(run("curl", "--silent", "--show-error", "--fail", url))

    assert len(answer["items"]) == 5
    assert answer["ranker"] == "triton"
    assert answer["degraded"] == []
    assert not answer["cold_start"]


def test_grpc_gets_one_in_plaintext_and_over_tls(stack: Stack) -> None:
    certificate = (stack.directory / "deploy" / "secrets" / "edge.crt").read_bytes()
    channels = (
        grpc.insecure_channel(f"127.0.0.1:{stack.port('EDGE_PORT')}"),
        grpc.secure_channel(f"localhost:{stack.port('EDGE_TLS_PORT')}", grpc.ssl_channel_credentials(certificate)),
    )
    for channel in channels:
        with channel:
            stub = recommender_pb2_grpc.RecommenderServiceStub(channel)
            assert stub.Recommend(recommender_pb2.RecommendRequest(user_id=USER), timeout=5.0).ranker == "triton"


def test_json_is_served_over_tls(stack: Stack) -> None:
    trusting = ssl.create_default_context(cafile=str(stack.directory / "deploy" / "secrets" / "edge.crt"))
    connection = http.client.HTTPSConnection("localhost", stack.port("EDGE_TLS_PORT"), timeout=10, context=trusting)
    connection.request("GET", f"/v1/users/{USER}/recommendations")
    assert connection.getresponse().status == http.client.OK


def test_prometheus_sees_every_target_up(stack: Stack) -> None:
    def health() -> dict[str, str]:
        targets = from_prometheus(stack, "/api/v1/targets?state=active")["activeTargets"]
        return {target["labels"]["job"]: target["health"] for target in targets}

    up = dict.fromkeys(("gateway", "features", "triton", "redis", "edge", "prometheus"), "up")
    wait_until(lambda: health() == up, f"targets are up: {health()}", timeout_s=60.0)


def test_redis_exporter_is_let_in(stack: Stack) -> None:
    query = "/api/v1/query?query=redis_up"
    wait_until(lambda: bool(from_prometheus(stack, query)["result"]), "Redis is scraped", timeout_s=60.0)
    (series,) = from_prometheus(stack, query)["result"]
    assert series["value"][1] == "1"


@pytest.mark.parametrize("part", PARTS)
def test_a_container_has_no_rights_it_does_not_need(stack: Stack, part: str) -> None:
    (container,) = stack.containers(part)

    assert container["Config"]["User"] not in {"", "0", "root"}
    assert container["HostConfig"]["ReadonlyRootfs"]
    assert container["HostConfig"]["CapDrop"] == ["ALL"]
    assert container["HostConfig"]["Memory"] > 0


def test_only_the_edge_and_prometheus_are_reached_from_outside(stack: Stack) -> None:
    published = {part for part in PARTS if any(stack.containers(part)[0]["NetworkSettings"]["Ports"].values())}
    assert published == {"edge", "prometheus"}
    (inside,) = json.loads(run("docker", "network", "inspect", f"{stack.environment['COMPOSE_PROJECT_NAME']}_inside"))
    assert inside["Internal"]


def test_no_secret_is_in_a_process_list_or_in_a_container_s_settings(stack: Stack) -> None:
    folder = stack.directory / "deploy" / "secrets"
    secrets = [(folder / name).read_text().strip() for name in ("triton_secret", "redis_gateway_password")]
    for part in PARTS:
        (container,) = stack.containers(part)
        seen = run("docker", "top", container["Id"], "-eo", "pid,args") + json.dumps(container["Config"])
        assert not any(secret in seen for secret in secrets), part


@pytest.mark.parametrize("part", ["redis-exporter", "prometheus"])
def test_a_kill_of_what_only_watches_is_not_noticed(stack: Stack, caller: Caller, part: str) -> None:
    stack.kill(part)

    wait_until(lambda: stack.is_healthy(part), f"{part} is back", timeout_s=60.0)
    assert caller.failures == []
    assert set(caller.steps) == {""}


@pytest.mark.parametrize(
    ("part", "steps"),
    [("triton", {"RANKER_UNAVAILABLE"}), ("redis", {"FEATURES_UNAVAILABLE", "STALE_FEATURES", "STALE_CATALOGUE"})],
    ids=["triton", "redis"],
)
def test_a_kill_of_what_the_gateway_asks_leaves_degraded_answers_and_no_errors(
    stack: Stack, caller: Caller, part: str, steps: set[str]
) -> None:
    """Of Redis's users the gateway holds some rows, which are stale then; the others' features are unavailable.

    Without it no gateway knows for sure what was taken off the catalogue.
    """
    stack.kill(part)

    def seen() -> set[str]:
        return {step for joined in set(caller.steps) for step in joined.split("+")}

    wait_until(lambda: not steps.isdisjoint(seen()), f"an answer says {steps}")
    wait_until(lambda: stack.is_healthy(part), f"{part} is back", timeout_s=60.0)
    wait_until(lambda: caller.last == "", "answers are whole again", timeout_s=60.0)
    assert caller.failures == []
    assert seen() <= {"", *steps}


def test_users_survive_a_kill_of_redis(stack: Stack) -> None:
    """They are in its append-only file: nobody seeds it again."""
    url = f"http://127.0.0.1:{stack.port('EDGE_PORT')}/v1/users/{USER}/recommendations"
    stack.kill("redis")
    wait_until(lambda: stack.is_healthy("redis"), "redis is back", timeout_s=60.0)

    def answer() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run("curl", "--silent", url))
        return found

    wait_until(lambda: not answer()["degraded"], "answers are whole again", timeout_s=60.0)
    assert not answer()["cold_start"]


@pytest.mark.parametrize("part", ["gateway", "edge"])
def test_what_the_answer_passes_through_is_back_within_ten_seconds(stack: Stack, caller: Caller, part: str) -> None:
    killed = time.monotonic()
    stack.kill(part)

    wait_until(lambda: bool(caller.failures), f"{part} is missed")
    answered = len(caller.steps)
    wait_until(lambda: caller.steps[answered:][-1:] == [""], "answers are whole again", timeout_s=30.0)
    assert time.monotonic() - killed < BACK_WITHIN_S
    assert all(failure.startswith("UNAVAILABLE") for failure in caller.failures)


def test_a_second_gateway_is_found_by_edge_and_prometheus(stack: Stack, caller: Caller) -> None:
    stack.compose("up", "-d", "--no-recreate", "--scale", "gateway=2", "gateway")
    found = "/api/v1/query?query=sum(up{job='gateway'})"

    def value() -> float:
        result = from_prometheus(stack, found)["result"]
        return float(result[0]["value"][1]) if result else 0.0

    wait_until(lambda: value() == 2, "both gateways are scraped", timeout_s=60.0)
    stack.compose("up", "-d", "--no-recreate", "--scale", "gateway=1", "gateway")
    wait_until(lambda: value() == 1, "the one that was stopped is forgotten", timeout_s=60.0)
    assert caller.failures == []


def failed_start(image: str, *options: str) -> tuple[int, list[str]]:
    """Run a container that cannot start; its status and what it said, by lines."""
    docker = shutil.which("docker")
    assert docker
    ended = subprocess.run(
        [docker, "run", "--rm", "--network=none", "--read-only", "--tmpfs=/tmp", *options, image],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, (ended.stdout + ended.stderr).splitlines()


@pytest.mark.usefixtures("stack")
def test_a_gateway_without_a_release_says_so_in_one_line(tmp_path: Path) -> None:
    status, lines = failed_start("shortlist/gateway:dev", f"--volume={tmp_path}:/release:ro")

    assert status == 1
    assert len(lines) == 1
    assert "cannot start: /release: manifest.json cannot be read" in lines[0]


def test_a_gateway_without_its_secret_says_which_and_what_to_do(stack: Stack) -> None:
    status, lines = failed_start(
        "shortlist/gateway:dev",
        f"--volume={stack.directory / 'deploy' / 'releases' / 'completejourney'}:/release:ro",
        "--env=SHORTLIST_FEATURES_REDIS_PASSWORD_FILE=/run/secrets/redis_gateway_password",
    )

    assert status == 1
    assert len(lines) == 1
    assert "SHORTLIST_FEATURES_REDIS_PASSWORD_FILE: the secret /run/secrets/redis_gateway_password" in lines[0]
    assert "make secrets" in lines[0]


@pytest.mark.usefixtures("stack")
def test_triton_without_its_secret_does_not_start_open() -> None:
    status, lines = failed_start("shortlist/triton-cpu:dev")

    assert status == 1
    assert len(lines) == 1
    assert "/run/secrets/triton_secret" in lines[0]


def test_the_index_may_live_in_a_container_of_its_own(stack: Stack) -> None:
    """The profile `retrieval`, as on machines with a GPU; it comes last, since it makes the gateway anew."""
    apart = Stack(
        stack.directory,
        {
            **stack.environment,
            "COMPOSE_PROFILES": "retrieval",
            "SHORTLIST_GATEWAY_RETRIEVAL_ADDRESS": "dns:///retrieval:50061",
        },
    )
    apart.compose("up", "-d", "--build", "retrieval", "edge", timeout_s=600)
    wait_until(lambda: all(map(apart.is_healthy, ("retrieval", "gateway", "edge"))), "all are healthy", timeout_s=60.0)
    with Caller(f"127.0.0.1:{stack.port('EDGE_PORT')}") as calling:
        wait_until(lambda: calling.last == "", "answers are whole", timeout_s=60.0)
        calling.forget()
        apart.kill("retrieval")
        wait_until(lambda: "FEWER_CANDIDATES" in calling.steps, "an answer has fewer candidates")
        wait_until(lambda: apart.is_healthy("retrieval"), "retrieval is back", timeout_s=60.0)
        wait_until(lambda: calling.last == "", "answers are whole again", timeout_s=60.0)
        assert calling.failures == []
