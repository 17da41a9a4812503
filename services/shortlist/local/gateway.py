"""The gateway as a part: everything it is told, it is told by environment variables."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shortlist.local.parts import Part, Task
from shortlist.local.probes import LOOPBACK, grpc_serves

NAME = "gateway"


@dataclass(frozen=True, slots=True)
class Programs:
    """The commands of our own services, without arguments; a test may put stand-ins here."""

    gateway: tuple[str, ...] = (sys.executable, "-m", "shortlist.gateway")
    seed: tuple[str, ...] = (sys.executable, "-m", "shortlist.features.seed")
    features: tuple[str, ...] = (sys.executable, "-m", "shortlist.features")


@dataclass(frozen=True, slots=True)
class TritonAccess:
    """Where the gateway reaches Triton, and the file with the secret that lets it load models there."""

    address: str
    secret_file: Path


def gateway_environment(
    release: Path, port: int, metrics_port: int, redis_url: str, triton: TritonAccess | None
) -> dict[str, str]:
    """Name what the gateway needs to know; without Triton it ranks in its own process."""
    environment = {
        "SHORTLIST_GATEWAY_RELEASE": str(release),
        "SHORTLIST_GATEWAY_ADDRESS": f"{LOOPBACK}:{port}",
        "SHORTLIST_GATEWAY_METRICS_ADDRESS": f"{LOOPBACK}:{metrics_port}",
        "SHORTLIST_FEATURES_REDIS_URL": redis_url,
        "SHORTLIST_RANKING_BACKEND": "onnxruntime" if triton is None else "triton",
        # gRPC obeys http_proxy even on loopback
        "no_grpc_proxy": LOOPBACK,
    }
    if triton is not None:
        environment["SHORTLIST_RANKING_TRITON_ADDRESS"] = triton.address
        environment["SHORTLIST_RANKING_TRITON_SECRET_FILE"] = str(triton.secret_file)
    return environment


def gateway_part(command: tuple[str, ...], port: int, environment: Mapping[str, str]) -> Part:
    """Describe the gateway; ready once its health service says so, which includes a loaded and warmed release."""
    return Part(
        NAME,
        command=command,
        probe=lambda: grpc_serves(port),
        environment=environment,
        ready_timeout_s=120.0,
        grace_s=15.0,  # it drains first
    )


def seed_task(command: tuple[str, ...], release: Path, redis_url: str) -> Task:
    """Describe the task that writes the release's user rows to the online store."""
    return Task("seed", (*command, str(release)), {"SHORTLIST_FEATURES_REDIS_URL": redis_url})
