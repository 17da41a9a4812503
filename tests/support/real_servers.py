"""Valkey and Triton as child processes that a test can kill and start again on the same ports."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
import redis
from rich.console import Console
from tritonclient.grpc import service_pb2, service_pb2_grpc

from shortlist.core.errors import StartError
from shortlist.features.config import FeatureSettings
from shortlist.features.redis_store import RedisUserStore
from shortlist.features.seed import seed
from shortlist.local.config import LocalSettings
from shortlist.local.host import find_libpython, refuse_unfit_host
from shortlist.local.parts import Part
from shortlist.local.ports import GATEWAY_PORTS, TRITON_PORTS, Ports
from shortlist.local.process import Process
from shortlist.local.triton import TritonInstallation, triton_part
from shortlist.local.triton_install import install_triton
from shortlist.local.valkey import valkey_part
from shortlist.release.bundle import Release
from support.front_doors import channel_to

SECRET_FILE = Path(__file__).with_name("triton.secret")


def free_ports() -> Ports:
    """Pick a free port for every listener."""
    return Ports(0, 0, 0, 0, 0, 0).resolve((*GATEWAY_PORTS, *TRITON_PORTS))


def triton_installation() -> TritonInstallation:
    """Find the local Triton, fetching it the first time; skip the test where it cannot run at all."""
    try:
        refuse_unfit_host()
        libpython = find_libpython()
    except StartError as error:
        pytest.skip(str(error))
    return TritonInstallation(install_triton(LocalSettings().cache_dir, Console(stderr=True)), libpython)


class Server:
    """One part as a process; `start` returns when it answers."""

    def __init__(self, part: Part, run_dir: Path) -> None:
        self._part, self._run_dir = part, run_dir
        self._process: Process | None = None

    @property
    def log(self) -> str:
        """What it has written so far, restarts included."""
        return (self._run_dir / f"{self._part.name}.log").read_text()

    def start(self) -> None:
        """Start it and wait until it answers."""
        part = self._part
        self._process = Process(part.name, part.command, part.environment, self._run_dir / f"{part.name}.log")
        self._process.wait_ready(part.probe, part.ready_timeout_s)

    def stop(self) -> None:
        """End it; a second stop does nothing."""
        self._end(self._part.grace_s)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(0.0)

    def _end(self, grace_s: float) -> None:
        if self._process is not None:
            self._process.stop(grace_s)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Valkey(Server):
    """A Valkey, empty after every start."""

    def __init__(self, run_dir: Path) -> None:
        self.port = free_ports().redis
        super().__init__(valkey_part(self.port, run_dir), run_dir)

    @property
    def url(self) -> str:
        """Its address, as settings take it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def fill(self, release: Release) -> None:
        """Write the release's users."""
        with closing(RedisUserStore.connect(FeatureSettings(redis_url=self.url, timeout_s=5.0), 1)) as store:
            seed(release, store)

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        """Connect to it."""
        with redis.Redis.from_url(self.url) as client:
            yield client


class Triton(Server):
    """A Triton with an empty model repository, or with the models that lie in `run_dir`/models."""

    def __init__(self, run_dir: Path, *models: str) -> None:
        ports = free_ports()
        part = triton_part(triton_installation(), ports, run_dir, SECRET_FILE)
        command = (*part.command, *(f"--load-model={model}" for model in models))
        # In order it takes seconds to end, and has nothing to save.
        super().__init__(replace(part, command=command, grace_s=0.0), run_dir)
        self.address = f"127.0.0.1:{ports.triton_grpc}"

    def holds(self, model: str) -> bool:
        """Tell whether a model is loaded and ready."""
        with channel_to(self.address) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            return bool(stub.ModelReady(service_pb2.ModelReadyRequest(name=model), timeout=10.0).ready)
