from dataclasses import asdict

import numpy as np
import pytest

from shortlist.core.arrays import I32
from shortlist.core.types import FIRST_ITEM_ROW, Candidates
from shortlist.offline import measure
from shortlist.offline.exams import Exam
from shortlist.offline.measure import (
    RETRIEVAL,
    TWO_STAGE,
    Measured,
    Quality,
    Ruler,
    gains_over_baselines,
    measure_release,
)
from shortlist.offline.protocol import TestSet
from shortlist.offline.served import ServedLists
from support.tiny_logs import tiny_log
from support.tiny_release import build_tiny_release

TRIAL = Exam.by_time(tiny_log()).trial()
ROWS = TRIAL.past.row_count
EMBEDDINGS = np.eye(ROWS, dtype=np.float16)
MEANS = dict.fromkeys(list(Quality.__dataclass_fields__)[:8], 0.5)


def _ideal(test: TestSet, width: int = 200) -> I32:
    """List each user's relevant items first, and nothing else."""
    listed = np.zeros((len(test), width), np.int32)
    for place in range(len(test)):
        listed[place, : len(test.relevant[place])] = test.relevant[place][:width]
    return listed


def test_a_list_of_all_that_is_relevant_is_perfect() -> None:
    quality = Ruler(TRIAL, EMBEDDINGS).measure(_ideal(TRIAL.test)).quality
    assert (quality.ndcg_at_10, quality.hit_rate_at_10, quality.mrr, quality.recall_at_200) == (1.0, 1.0, 1.0, 1.0)
    assert quality.diversity_at_10 == pytest.approx(1.0)  # by these embeddings nothing is like anything


def test_the_mean_is_that_of_the_users() -> None:
    listed = _ideal(TRIAL.test)
    listed[::2] = 0
    measured = Ruler(TRIAL, EMBEDDINGS).measure(listed)
    assert measured.ndcg.tolist() == [0.0, 1.0] * (len(listed) // 2) + [0.0] * (len(listed) % 2)
    assert measured.quality.ndcg_at_10 == pytest.approx(measured.ndcg.mean())


def test_coverage_is_a_share_of_the_items_not_of_the_rows() -> None:
    everything = np.tile(np.arange(FIRST_ITEM_ROW, ROWS, dtype=np.int32), (len(TRIAL.test), 1))
    shuffled = np.random.default_rng(0).permuted(everything, axis=1)
    assert Ruler(TRIAL, EMBEDDINGS).measure(shuffled).quality.coverage_at_10 == pytest.approx(1.0)


def test_both_stages_are_measured_and_the_order_of_candidates_decides_both_areas(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = build_tiny_release(tmp_path_factory.mktemp("measure") / "release")
    everything = np.tile(np.arange(FIRST_ITEM_ROW, ROWS, dtype=np.int32), (len(TRIAL.test), 1))
    relevant = TRIAL.test.relevant.contain(everything)
    best_first = np.take_along_axis(everything, np.argsort(~relevant, axis=1, kind="stable"), axis=1)
    retrieved = best_first[:, ::-1]
    candidates = Candidates(retrieved, *(np.zeros((*retrieved.shape, 1), dtype) for dtype in (np.float32, np.int32)))
    scores = TRIAL.test.relevant.contain(retrieved).astype(np.float32)
    served = ServedLists(candidates, scores, np.argsort(-scores, axis=1, kind="stable"))
    monkeypatch.setattr(measure, "serve", lambda *_: served)
    measured = measure_release(release, TRIAL, Ruler(TRIAL, EMBEDDINGS))
    assert measured[TWO_STAGE].quality.gauc == pytest.approx(1.0)
    assert measured[TWO_STAGE].quality.auc == pytest.approx(1.0)
    assert measured[TWO_STAGE].quality.ndcg_at_10 == pytest.approx(1.0)
    assert measured[RETRIEVAL].quality.ndcg_at_10 < 0.5


def test_gains_compare_the_two_stages_with_every_other_model() -> None:
    ndcg = np.random.default_rng(0).random(50)
    measured = {TWO_STAGE: Measured(Quality(**MEANS), ndcg * 1.2), "other": Measured(Quality(**MEANS), ndcg)}
    gains = gains_over_baselines(measured)
    assert set(gains) == {"other"}
    assert gains["other"].relative == pytest.approx(0.2)


def test_means_survive_a_report() -> None:
    quality = Quality(**MEANS, gauc=0.7)
    assert Quality(**asdict(quality)) == quality
