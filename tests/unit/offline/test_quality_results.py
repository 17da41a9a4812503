import json
from pathlib import Path

import numpy as np
import pytest

from shortlist.core.errors import InputError
from shortlist.offline.measure import Measured
from shortlist.offline.quality_results import ExamResults, Outcome, average
from support.quality_outcomes import MODELS, outcome, quality_of


def test_an_outcome_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = outcome({"two-stage": 0.25}, chosen={"two-stage": "a"}, source_recalls={"tower": 0.5})
    written.write(tmp_path / "exam" / "seed-1.json")
    read = Outcome.read(tmp_path / "exam" / "seed-1.json")
    assert (read.about, read.chosen, read.source_recalls) == (written.about, written.chosen, written.source_recalls)
    assert read.models["two-stage"].quality == written.models["two-stage"].quality
    np.testing.assert_allclose(read.models["two-stage"].ndcg, written.models["two-stage"].ndcg, atol=1e-6)
    assert [path.name for path in (tmp_path / "exam").iterdir()] == ["seed-1.json"]


@pytest.mark.parametrize("content", ["", "{}", '{"about": {}, "models": {"a": {"means": {"older": 1}}}}'])
def test_a_result_of_another_version_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "seed-1.json").write_text(content)
    with pytest.raises(InputError, match=r"seed-1\.json: not a result of this version"):
        Outcome.read(tmp_path / "seed-1.json")


def test_an_exam_without_baselines_or_seeds_has_no_results(tmp_path: Path) -> None:
    assert ExamResults.read(tmp_path) is None
    outcome({"two-stage": 0.2}).write(tmp_path / "seed-1.json")
    assert ExamResults.read(tmp_path) is None


def test_seeds_are_in_the_order_of_numbers_and_measured_elsewhere_is_optional(tmp_path: Path) -> None:
    for seed in (10, 2):
        outcome(MODELS).write(tmp_path / f"seed-{seed}.json")
    outcome(MODELS).write(tmp_path / "baselines.json")
    (tmp_path / "served.json").write_text(json.dumps({"seed": 2, "ndcg_at_10": 0.2}))
    results = ExamResults.read(tmp_path)
    assert results is not None
    assert list(results.seeds) == [2, 10]
    assert results.served == {"seed": 2.0, "ndcg_at_10": 0.2}
    assert results.new_items == {}


def test_seeds_are_averaged_user_by_user() -> None:
    first = Measured(quality_of(0.2), np.array([0.0, 0.4]))
    second = Measured(quality_of(0.4, gauc=0.8), np.array([0.8, 0.0]))
    mean = average([first, second])
    assert mean.ndcg.tolist() == pytest.approx([0.4, 0.2])
    assert mean.quality.ndcg_at_10 == pytest.approx(0.3)
    assert mean.quality.gauc == pytest.approx(0.8)
    assert mean.quality.auc is None
