"""What a run measures, keeps and does not measure again; training and measuring are replaced, or tiny."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from shortlist.core.errors import InputError
from shortlist.offline import datasets, quality
from shortlist.offline.ablation import ABLATIONS
from shortlist.offline.baseline_set import TIME_AWARE_EASE
from shortlist.offline.compression import COMPRESSION_NAME, Compression
from shortlist.offline.exams import EXAMS, Exam
from shortlist.offline.log import BehaviourLog
from shortlist.offline.progress import Stages
from shortlist.offline.quality_results import ExamResults
from shortlist.offline.ranker_training import RankerSettings
from shortlist.offline.recipe import Recipe
from shortlist.offline.tower_training import TowerSettings
from support import quality_outcomes
from support.quality_outcomes import BASELINES, MODELS
from support.tiny_logs import tiny_log
from support.tiny_release import build_tiny_release

QUIET = Console(quiet=True)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace training and measuring by outcomes at hand; give the seeds that were trained."""
    seeds: list[int] = []

    def write(log: object, folder: Path, recipe: Recipe, stages: Stages, see_ranker: object) -> None:
        seeds.append(recipe.seed)
        folder.rmdir()
        build_tiny_release(folder)

    monkeypatch.setattr(quality, "write_release", write)
    monkeypatch.setattr(
        quality,
        "_measure_release",
        lambda *_: quality_outcomes.outcome(MODELS, source_recalls={"all together": 0.5, "tower": 0.4}),
    )
    monkeypatch.setattr(quality, "_measure_baselines", lambda *_: quality_outcomes.outcome(BASELINES))
    return seeds


def test_what_is_kept_is_not_measured_again(trained: list[int], tmp_path: Path) -> None:
    exam = Exam.by_time(tiny_log())
    quality.run_exam("tiny", exam, range(1, 3), tmp_path, QUIET)
    assert trained == [1, 2]
    quality.run_exam("tiny", exam, range(1, 4), tmp_path, QUIET)
    assert trained == [1, 2, 3]
    (tmp_path / "seed-2.json").unlink()
    quality.run_exam("tiny", exam, range(1, 4), tmp_path, QUIET)
    assert trained == [1, 2, 3]  # the release was kept, and only measured again
    results = ExamResults.read(tmp_path)
    assert results is not None
    assert list(results.seeds) == [1, 2, 3]


def test_each_ablation_is_trained_once_and_read_back_by_its_name(trained: list[int], tmp_path: Path) -> None:
    exam = Exam.by_time(tiny_log())
    quality.run_exam("tiny", exam, range(1, 2), tmp_path, QUIET)
    for _ in range(2):
        quality.run_ablation(exam, 1, tmp_path, QUIET)
    assert trained == [1] * (1 + len(ABLATIONS))
    results = ExamResults.read(tmp_path)
    assert results is not None
    assert list(results.ablations) == list(ABLATIONS)


def test_every_ablation_changes_the_recipe() -> None:
    assert all(change(Recipe()) != Recipe() for change in ABLATIONS.values())


def test_an_exam_that_fails_leaves_the_others_and_the_report(
    trained: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str, path: Path | None) -> object:
        if name == "completejourney":
            raise InputError("it cannot be fetched")
        return tiny_log()

    monkeypatch.setattr(datasets, "load", load)
    work, out = tmp_path / "work", tmp_path / "docs" / "quality.md"
    options = ["--online-retail", "log", "--seeds", "1", "--work", str(work), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["quality", *options])
    assert quality.main() == 1
    assert sorted(path.name for path in work.iterdir()) == ["online-retail", "online-retail-earlier"]
    assert "## online-retail-earlier" in out.read_text()
    assert "## ml-latest-small" not in out.read_text()
    assert trained == [1, 1]


def test_one_exam_can_be_run_alone_and_the_report_shows_what_was_kept_before(
    trained: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "load", lambda *_: tiny_log())
    for name in ("completejourney", "online-retail-earlier"):
        options = ["--online-retail", "log", "--exam", name, "--seeds", "1", "--work", str(tmp_path / "work")]
        monkeypatch.setattr(sys, "argv", ["quality", *options, "--out", str(tmp_path / "quality.md")])
        assert quality.main() == 0
    assert trained == [1, 1]
    text = (tmp_path / "quality.md").read_text()
    assert [f"## {plan.name}\n" in text for plan in EXAMS] == [False, True, True, False]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [Exam.by_time, Exam.by_user])
def test_a_release_is_trained_and_measured_under_both_protocols(
    protocol: Callable[[BehaviourLog], Exam], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = partial(Recipe, precision="fp32", towers=TowerSettings(epochs=1), ranker=RankerSettings(steps=5))
    monkeypatch.setattr(quality, "Recipe", tiny)
    quality.run_exam("tiny", protocol(tiny_log()), range(1, 2), tmp_path, QUIET)
    results = ExamResults.read(tmp_path)
    assert results is not None
    of_release, of_baselines = results.seeds[1], results.baselines
    for outcome in (of_release, of_baselines):
        assert outcome.models.keys() == outcome.repurchases.keys()
        assert all(0 < measured.quality.ndcg_at_10 < 1 for measured in outcome.models.values())
    assert of_baselines.models.keys() >= {"popularity", "item-kNN", "EASE", *TIME_AWARE_EASE, "ALS", "BPR"}
    assert of_release.source_recalls["all together"] > 0
    assert Compression.read(tmp_path / COMPRESSION_NAME).seed == 1
