"""The whole way on a tiny log: a release that opens, exports that agree, one seed, and nothing left behind."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest
from onnx import numpy_helper

from shortlist.core.errors import InputError
from shortlist.offline import build, datasets
from shortlist.offline.build import train, write_release
from shortlist.offline.log import BehaviourLog
from shortlist.offline.measure import check_unseen
from shortlist.offline.progress import Stages
from shortlist.offline.ranker_training import RankerSettings
from shortlist.offline.recipe import Recipe
from shortlist.offline.sources import SOURCE_NAMES
from shortlist.offline.splits import Split
from shortlist.offline.tower_training import TowerSettings
from shortlist.ranking.local import LocalRanker
from shortlist.release.bundle import RANKER_NAMES, Release, written_beside
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.retrieval.cpu import CpuIndex, read_index
from shortlist.retrieval.sources import served_sources
from shortlist.retrieval.tower import QueryTower
from support.tiny_logs import DAY_S, START_S, tiny_log

RECIPE = Recipe(towers=TowerSettings(epochs=2), ranker=RankerSettings(steps=40))


def _log() -> BehaviourLog:
    """Make a log of enough users for the quality gate: a tenth of their lists is what it judges by."""
    return tiny_log(users=400)


def _write(path: Path, log: BehaviourLog, recipe: Recipe = RECIPE) -> Release:
    with Stages() as stages, written_beside(path) as folder:
        write_release(log, folder, recipe, stages)
    return Release.open(path)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return _write(tmp_path_factory.mktemp("build") / "tiny", _log())


def _tensors(release: Release, users: int, candidates: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(users)
    rows = release.vocabulary.row_count
    length = release.manifest.features.history_length
    return {
        "user_dense": random.normal(size=(users, 5)).astype(np.float32),
        "history": random.integers(0, rows, (users, length), dtype=np.int32),
        "history_type": np.full((users, length), 5, np.int32),
        "history_age": random.uniform(0, 90, (users, length)).astype(np.float32),
        "candidates": random.integers(0, rows, (users, candidates), dtype=np.int32),
        "candidate_dense": random.normal(
            size=(users, candidates, len(release.manifest.features.candidate_dense))
        ).astype(np.float32),
    }


def test_a_release_opens_and_says_what_it_was_made_of(release: Release) -> None:
    manifest, report = release.manifest, json.loads((release.path / "report.json").read_text())
    assert manifest.dataset == "tiny"
    assert manifest.id.startswith(f"tiny-{manifest.trained_until:%Y%m%d}-")
    assert manifest.ranker.precision == "int8"
    assert len(release.histories()) == report["counts"]["users"]
    assert report["rows_read"] == _log().rows_read
    assert set(report["metrics"]) >= {"two-stage", "retrieval only", "popularity", "item-kNN"}
    assert report["quantization"]["int8_bytes"] > 0


def test_a_release_of_users_who_buy_again_shows_what_they_have_seen(release: Release) -> None:
    assert not release.manifest.exclude_seen


@pytest.mark.parametrize(("users", "candidates"), [(1, 200), (3, 50), (256, 100)])
def test_both_rankers_take_any_batch_and_any_number_of_candidates(
    release: Release, users: int, candidates: int
) -> None:
    for name in RANKER_NAMES.values():
        ranker = LocalRanker(release.path / name, release.manifest.ranker)
        scores = ranker.score(_tensors(release, users, candidates), Deadline(NEVER))
        assert scores.shape == (users, candidates)


def test_the_query_tower_takes_any_batch(release: Release) -> None:
    manifest = release.manifest
    length = manifest.features.history_length
    tower = QueryTower(release.query_tower_path, manifest.query_tower, release.items.embeddings, length)
    index = CpuIndex(read_index(release.index_path, manifest.embedding_dimension, manifest.item_count))
    assert (
        tuple(source.name for source in served_sources(release.items, SOURCE_NAMES, tower, index))
        == manifest.features.sources
    )


def test_int8_is_symmetric_so_every_zero_point_is_zero(release: Release) -> None:
    graph = onnx.load(release.path / RANKER_NAMES["int8"]).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    quantizers = [node for node in graph.node if node.op_type in {"QuantizeLinear", "DequantizeLinear"}]
    assert quantizers
    for node in quantizers:
        zero_point = constants[node.input[2]]
        assert not zero_point.any()
        assert zero_point.dtype == np.int8 or node.op_type == "DequantizeLinear"


def test_one_seed_gives_one_release(release: Release, tmp_path: Path) -> None:
    again = _write(tmp_path / "again", _log())
    assert again.id == release.id


def test_a_release_that_saw_the_test_is_not_measured(release: Release) -> None:
    later = release.manifest.trained_until + timedelta(days=1)
    seen = Release(
        release.path,
        release.manifest.model_copy(update={"trained_until": later}),
        release.vocabulary,
        release.catalogue,
        release.items,
    )
    with pytest.raises(InputError, match="past the cut"):
        check_unseen(seen, Split.of(_log(), 0.2))


def test_a_release_of_another_log_is_not_measured(release: Release) -> None:
    with pytest.raises(InputError, match="its items are not those of this test"):
        check_unseen(release, Split.of(tiny_log(days=200, items=44), 0.2))


def test_without_a_holdout_everything_is_learnt_and_nothing_measured(tmp_path: Path) -> None:
    recipe = Recipe(holdout=0.0, precision="fp32", towers=TowerSettings(epochs=1), ranker=RankerSettings(steps=5))
    release = _write(tmp_path / "all", _log(), recipe)
    assert release.manifest.trained_until.timestamp() == _log().events["time"][-1] + 1
    assert release.manifest.ranker.file == RANKER_NAMES["fp32"]
    assert json.loads((release.path / "report.json").read_text())["metrics"] == {}


def test_where_hardly_anybody_comes_back_the_labels_are_each_users_last_events(tmp_path: Path) -> None:
    log = tiny_log(users=100)
    number = pl.col("user").str.slice(5).cast(pl.Int64)  # each user has an evening of their own
    evening = START_S + number * DAY_S + (pl.col("time") - START_S) // 1_000
    events = log.events.with_columns(evening.alias("time")).sort("time", maintain_order=True)
    recipe = Recipe(holdout=0.0, precision="fp32", towers=TowerSettings(epochs=1), ranker=RankerSettings(steps=5))
    release = _write(tmp_path / "evenings", replace(log, events=events), recipe)
    assert json.loads((release.path / "report.json").read_text())["counts"]["ranker_lists"] > 60


def test_an_int8_ranker_that_the_gate_refuses_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortlist.offline.gate.LEAST_AGREEMENT", 1.1)
    with pytest.raises(InputError, match="the int8 ranker is refused"):
        _write(tmp_path / "out", _log())
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "load", lambda *_: _log())
    monkeypatch.setattr(build, "quantize", interrupted)  # the float ranker lies in the folder by then
    monkeypatch.setattr(build, "Recipe", lambda *_: RECIPE)
    with pytest.raises(KeyboardInterrupt):
        train("tiny", None, tmp_path / "out", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_release_is_never_overwritten(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is never overwritten"):
        train("online-retail", tmp_path, tmp_path, progress=False)


@pytest.mark.parametrize("shape", [{"users": 1}, {"items": 4, "users": 2, "events_per_user": 4}])
def test_a_log_that_says_too_little_is_one_sentence(tmp_path: Path, shape: dict[str, int]) -> None:
    with pytest.raises(InputError):
        _write(tmp_path / "out", tiny_log(**shape))
    assert list(tmp_path.iterdir()) == []


def test_options_out_of_range_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--holdout must be from 0 to below 1, got 1\.0"):
        train("online-retail", tmp_path, tmp_path / "out", holdout=1.0, progress=False)
    with pytest.raises(InputError, match="--precision must be one of fp32, int8, got 'int4'"):
        train("online-retail", tmp_path, tmp_path / "out", precision="int4", progress=False)  # type: ignore[arg-type]
