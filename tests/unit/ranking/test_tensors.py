import numpy as np
import pytest

from shortlist.core.types import Candidates
from shortlist.ranking.tensors import candidate_dense, candidate_dense_names, ranker_tensors
from shortlist.release.bundle import Release
from shortlist.release.manifest import TensorSpec
from support.retrieval_batches import histories
from support.tiny_release import HISTORY_LENGTH, manifest

COLUMNS = np.array([[0, 0], [0, 0], [1, 10], [2, 20], [3, 30]], np.float32)
CATEGORIES = np.array([[0], [0], [1], [2], [1]], np.int32)
HISTORY = histories([[2, 4]], length=3)
WIDTH = 3


@pytest.fixture
def candidates() -> Candidates:
    """Merge two sources: one proposed rows 2 and 3, the other row 3; the third place is padding."""
    return Candidates(
        np.array([[3, 2, 0]], np.int32),
        np.array([[[0.4, 5.0], [0.8, 0.0], [0.0, 0.0]]], np.float32),
        np.array([[[2, 1], [1, 0], [0, 0]]], np.int32),
    )


def _dense(candidates: Candidates) -> np.ndarray:
    return candidate_dense(HISTORY, candidates, COLUMNS, CATEGORIES)


def test_the_share_of_the_category_is_that_of_the_candidates_row(candidates: Candidates) -> None:
    assert _dense(candidates)[0, :2, 4].tolist() == [0.0, 1.0]


def test_the_columns_are_named_source_by_source_then_pairs_then_item_columns() -> None:
    assert candidate_dense_names(["tower", "popular"], ["price"]) == (
        "tower_score",
        "tower_log_rank",
        "popular_score",
        "popular_log_rank",
        "category_share",
        "price",
    )


def test_the_names_are_as_many_as_the_columns(candidates: Candidates) -> None:
    names = candidate_dense_names(["tower", "popular"], ["price", "stock"])
    assert _dense(candidates).shape == (1, WIDTH, len(names))


def test_a_score_is_relative_to_its_sources_best(candidates: Candidates) -> None:
    dense = _dense(candidates)
    assert dense[0, :, 0].tolist() == [0.5, 1.0, 0.0]
    assert dense[0, :, 2].tolist() == [1.0, 0.0, 0.0]


def test_a_source_that_scores_nothing_above_zero_divides_by_one(candidates: Candidates) -> None:
    candidates.scores[:, :, 0] = [-0.5, 0.0, 0.0]
    assert _dense(candidates)[0, :, 0].tolist() == [-0.5, 0.0, 0.0]


def test_a_rank_enters_as_its_logarithm_and_absence_as_one_past_the_end(candidates: Candidates) -> None:
    dense = _dense(candidates)
    assert dense[0, :2, 1].tolist() == pytest.approx(np.log1p([2, 1]).tolist())
    assert dense[0, :2, 3].tolist() == pytest.approx(np.log1p([1, WIDTH + 1]).tolist())


def test_item_columns_are_those_of_the_candidates_row(candidates: Candidates) -> None:
    assert _dense(candidates)[0, :2, 5:].tolist() == [[2.0, 20.0], [1.0, 10.0]]


def test_sources_that_the_ranker_does_not_know_have_no_columns(candidates: Candidates) -> None:
    known = Candidates(candidates.rows, candidates.scores[:, :, :1].copy(), candidates.ranks[:, :, :1].copy())
    dense = candidate_dense(HISTORY, candidates, COLUMNS, CATEGORIES, sources=1)
    assert dense.tolist() == _dense(known).tolist()


def test_padding_is_zero_in_every_column(candidates: Candidates) -> None:
    assert not _dense(candidates)[0, 2].any()


def test_a_ranker_gets_the_tensors_that_its_manifest_names_and_no_others(
    candidates: Candidates, tiny_release: Release
) -> None:
    specs = [
        TensorSpec(name="history", dtype="int32", shape=(HISTORY_LENGTH,)),
        TensorSpec(name="candidate_dense", dtype="float16", shape=(-1, 7)),
    ]
    tensors = ranker_tensors(
        specs,
        manifest().features,
        histories([[3, 4]], length=HISTORY_LENGTH + 10),
        np.zeros((1, 5), np.float32),
        candidates,
        COLUMNS,
        CATEGORIES,
    )
    assert list(tensors) == ["history", "candidate_dense"]
    assert tensors["history"].shape == (1, HISTORY_LENGTH)
    assert tensors["candidate_dense"].dtype == np.float16
    assert all(tensor.flags.c_contiguous for tensor in tensors.values())
