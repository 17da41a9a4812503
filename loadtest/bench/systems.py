"""The systems that are compared, each started alone: ours in three forms, and each peer at its best of the sweep."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from rich.console import Console

from loadtest.arrivals import user_id
from loadtest.generator.run import Target
from loadtest.peers.environments import PEERS, install
from loadtest.peers.run import PeerChoice, running
from loadtest.peers.sweep import RESULTS, best_choices
from loadtest.serving import Store, Usage, find_triton, gateways
from loadtest.workload import Workload
from shortlist.core.errors import StartError

CONNECTIONS = 64
OURS = ("shortlist", "shortlist-triton", "shortlist-uncached")
FASTAPI_INLINE = "fastapi-inline"
"""The way to serve it that answers a lone request soonest: one process, no batches, on the event loop."""
SYSTEMS = (*OURS, *PEERS, FASTAPI_INLINE)


@dataclass(frozen=True, slots=True)
class Reached:
    """A system that answers: how it is asked, over 64 connections, and what its processes cost."""

    target: Target
    usage: Usage


@dataclass(frozen=True, slots=True)
class System:
    """A system that may be started.

    Args:
        name: One of `SYSTEMS`.
        start: Runs it; it answers inside the `with` and is gone after it.
        is_saturated: Whether its highest rate is measured; otherwise only how soon it answers a lone request.
        has_batches: Whether it answers RecommendBatch.
    """

    name: str
    start: Callable[[], AbstractContextManager[Reached]]
    is_saturated: bool = True
    has_batches: bool = False


@dataclass(frozen=True, slots=True)
class Ground:
    """What every system runs on.

    Args:
        work: The workload.
        store: Holds its rows, and takes the writes.
        run_dir: Keeps the gateways' logs.
        console: Says when a peer is installed.
    """

    work: Workload
    store: Store
    run_dir: Path
    console: Console

    def target(self, address: str, http_path: str = "") -> Target:
        """Say how a system is asked."""
        return Target(address, CONNECTIONS, http_path, redis=self.store.address, rows=self.work.rows_path)


def best_ways(names: Sequence[str], sweep: Path = RESULTS) -> dict[str, PeerChoice]:
    """Read how each of the named peers is at its best.

    Raises:
        StartError: there is no such system, or the sweep has not found how a peer is at its best.
    """
    if unknown := set(names) - set(SYSTEMS):
        raise StartError(f"no system {', '.join(sorted(unknown))}: there are {', '.join(SYSTEMS)}")
    best = best_choices(sweep) if sweep.exists() else {}
    if missing := [peer for peer in PEERS if peer in names and peer not in best]:
        raise StartError(f"{sweep.name} does not say how {', '.join(missing)} runs best: make bench-sweep")
    return {peer: choice for peer, choice in best.items() if peer in names}


def prepare(names: Sequence[str], console: Console) -> None:
    """Install what the named systems need and is not there yet.

    Raises:
        StartError: it cannot be had.
    """
    if "shortlist-triton" in names:
        find_triton(console)
    for peer in PEERS:
        if peer in names or (peer == "fastapi" and FASTAPI_INLINE in names):
            install(peer, console)


def systems(names: Sequence[str], ways: Mapping[str, PeerChoice], ground: Ground) -> list[System]:
    """Describe the named systems, in the order of `SYSTEMS`; peers run as `best_ways` says."""
    described = [
        System("shortlist", partial(_ours, ground), has_batches=True),
        System("shortlist-triton", partial(_ours, ground, ranker="triton"), has_batches=True),
        System(
            "shortlist-uncached",
            partial(_ours, ground, environment={"SHORTLIST_FEATURES_NEAR_CACHE_BYTES": "0"}),
            has_batches=True,
        ),
        *(System(peer, partial(_peer, ground, peer, choice)) for peer, choice in ways.items()),
        System(FASTAPI_INLINE, partial(_peer, ground, "fastapi", PeerChoice(wait_ms=None)), is_saturated=False),
    ]
    return sorted((system for system in described if system.name in names), key=lambda it: SYSTEMS.index(it.name))


@contextmanager
def _ours(
    ground: Ground,
    ranker: Literal["onnxruntime", "triton"] = "onnxruntime",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Reached]:
    with gateways(
        ground.work.release_dir,
        ground.store.url,
        ground.run_dir,
        ranker=ranker,
        environment=environment,
    ) as server:
        yield Reached(ground.target(server.address), server)


@contextmanager
def _peer(ground: Ground, peer: str, choice: PeerChoice) -> Iterator[Reached]:
    with running(peer, choice, ground.work.release_dir, ground.store.url, user_id(0), ground.console) as endpoint:
        yield Reached(ground.target(endpoint.address, endpoint.path), Usage([endpoint.pid]))
