"""Systems: all that are named are described, in one order, and a peer without a sweep is an error that says so."""

import json
from pathlib import Path

import pytest
from loadtest.bench.remaining import parts_of
from loadtest.bench.systems import SYSTEMS, Ground, best_ways, systems
from loadtest.peers.environments import PEERS
from loadtest.peers.run import PeerChoice
from loadtest.serving import Store
from loadtest.workload import Workload
from rich.console import Console

from shortlist.core.errors import StartError

_CHOICE = {"workers": 2, "batch": 32, "wait_ms": 1.0, "has_pool": True}


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(Workload(tmp_path, {}), Store("redis://127.0.0.1:9/0", "127.0.0.1:9"), tmp_path, Console())


def _sweep(tmp_path: Path, *peers: str) -> Path:
    path = tmp_path / "sweep.json"
    points = [{"peer": peer, "answers_per_s": 10.0, "choice": _CHOICE} for peer in peers]
    path.write_text(json.dumps({"points": points}))
    return path


def test_all_systems_are_described_in_their_order(ground: Ground, tmp_path: Path) -> None:
    described = systems(SYSTEMS, best_ways(SYSTEMS, _sweep(tmp_path, *reversed(PEERS))), ground)
    assert tuple(system.name for system in described) == SYSTEMS
    assert [system.name for system in described if system.has_batches] == [
        "shortlist",
        "shortlist-triton",
        "shortlist-uncached",
    ]
    assert [system.name for system in described if not system.is_saturated] == ["fastapi-inline"]


def test_only_the_named_ones_are_described_and_peers_run_as_the_sweep_found_best(
    ground: Ground, tmp_path: Path
) -> None:
    ways = best_ways(("ray", "shortlist"), _sweep(tmp_path, "ray", "bentoml"))
    assert ways == {"ray": PeerChoice(2, 32, 1.0, has_pool=True)}
    assert [system.name for system in systems(("ray", "shortlist"), ways, ground)] == ["shortlist", "ray"]


@pytest.mark.parametrize("is_swept", [True, False], ids=["others only", "no file"])
def test_a_peer_whose_best_is_not_known_is_an_error_that_names_the_sweep(tmp_path: Path, is_swept: bool) -> None:
    sweep = _sweep(tmp_path, "ray") if is_swept else tmp_path / "none.json"
    with pytest.raises(StartError, match="bentoml runs best: make bench-sweep"):
        best_ways(("shortlist", "bentoml"), sweep)
    assert best_ways(("shortlist", "fastapi-inline"), sweep) == {}


def test_a_system_that_there_is_not_is_named() -> None:
    with pytest.raises(StartError, match="no system flask: there are shortlist,"):
        best_ways(("flask", "shortlist"))


def test_the_generator_asks_over_64_connections_and_writes_to_the_store(ground: Ground, tmp_path: Path) -> None:
    target = ground.target("127.0.0.1:1", "/recommend")
    assert (target.connections, target.http_path, target.redis) == (64, "/recommend", "127.0.0.1:9")
    assert target.rows == tmp_path / "rows.npy"


def test_the_time_left_counts_each_part_of_each_round(ground: Ground) -> None:
    described = systems(("shortlist", "ray", "fastapi-inline"), {"ray": PeerChoice()}, ground)
    parts = parts_of(described, rounds=2, scenarios=3)
    counted = {part: parts.count(part) for part in parts}
    assert counted == {
        "kernels": 2,
        "start": 6,
        "sequential": 6,
        "saturation": 4,
        "batch": 2,
        "half rate": 4,
        "scenario": 3,
    }
