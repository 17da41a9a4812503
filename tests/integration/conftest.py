"""Real servers that the gateway's tests share; tests that break a server start one of their own."""

from collections.abc import Iterator

import pytest

from shortlist.release.bundle import Release
from support.gateways import Reached, serving
from support.real_servers import Triton, Valkey


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory, tiny_release: Release) -> Iterator[Valkey]:
    """Run a Valkey that holds the tiny release's users; tests add users of their own names."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        server.fill(tiny_release)
        yield server


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    """Run a Triton; gateways load the ranker into it."""
    with Triton(tmp_path_factory.mktemp("triton")) as server:
        yield server


@pytest.fixture(scope="session")
def gateway(tiny_release: Release, valkey: Valkey, triton: Triton) -> Iterator[Reached]:
    """Run a gateway over both, with the reference front door."""
    with serving(tiny_release, valkey.url, triton.address, front="grpcio", start_wait_s=20.0) as reached:
        yield reached


@pytest.fixture(scope="session")
def local_gateway(tiny_release: Release, valkey: Valkey) -> Iterator[Reached]:
    """Run a gateway that ranks in its own process."""
    with serving(tiny_release, valkey.url, front="grpcio") as reached:
        yield reached
