"""Which ways to run a peer are tried, and which of them it is compared by."""

import json
import re
from pathlib import Path

import pytest
from loadtest.peers.environments import PEERS, REQUIREMENTS, installed
from loadtest.peers.run import PeerChoice
from loadtest.peers.sweep import best_choices, best_of, choices

SERVE = Path(__file__).parents[3] / "deploy" / "requirements" / "serve.txt"
KERNELS = ("faiss-cpu", "onnxruntime", "numpy", "redis", "hiredis")


def point(peer: str, answers_per_s: float, **choice: object) -> dict[str, object]:
    return {"peer": peer, "answers_per_s": answers_per_s, "choice": choice}


@pytest.mark.parametrize(("peer", "count"), [("fastapi", 28), ("litserve", 14), ("bentoml", 12), ("ray", 28)])
def test_no_way_to_run_a_peer_is_tried_twice_and_none_is_missing(peer: str, count: int) -> None:
    tried = list(choices(peer))
    assert len(tried) == len(set(tried)) == count
    assert {choice.workers for choice in tried} == {1, 2}
    assert {choice.batch for choice in tried} == {1, 8, 32}


def test_a_wait_is_tried_only_where_something_is_gathered_and_the_framework_lets_it_be_set() -> None:
    assert {choice.wait_ms for choice in choices("bentoml")} == {None}
    for peer in ("fastapi", "litserve", "ray"):
        assert {choice.wait_ms for choice in choices(peer) if choice.batch == 1} == {None}
        assert {choice.wait_ms for choice in choices(peer) if choice.batch > 1} == {0.0, 1.0, 5.0}


def test_the_best_of_a_peer_is_its_most_answers_and_a_peer_without_any_has_none() -> None:
    points = [point("ray", 10.0), point("ray", 30.0, workers=2), point("ray", 20.0), point("bentoml", 0.0)]
    assert best_of(points) == {"ray": points[1]}


def test_the_best_choices_are_read_back_as_they_were_measured(tmp_path: Path) -> None:
    choice = {"workers": 2, "batch": 32, "wait_ms": 1.0, "has_pool": True}
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps({"points": [point("ray", 1.0, **choice)]}))
    assert best_choices(path) == {"ray": PeerChoice(2, 32, 1.0, has_pool=True)}


@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_has_the_same_kernels_as_we_have(peer: str) -> None:
    assert pins(REQUIREMENTS / f"{peer}.txt") == pins(SERVE)


def test_an_environment_of_other_requirements_does_not_count_as_installed(tmp_path: Path) -> None:
    (tmp_path / "ray").mkdir()
    assert installed("ray", tmp_path) is None
    (tmp_path / "ray" / "requirements.sha256").write_text("of yesterday")
    assert installed("ray", tmp_path) is None


def pins(path: Path) -> set[str]:
    found = {line.rstrip("\\ ") for line in path.read_text().splitlines() if line.startswith(KERNELS)}
    assert {re.split("==", line)[0] for line in found} == set(KERNELS)
    return found
