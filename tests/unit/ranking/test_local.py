from pathlib import Path

import numpy as np
import pytest

from shortlist.core.arrays import AnyArray
from shortlist.core.errors import ReleaseRefusedError, UnavailableError
from shortlist.core.types import Candidates, EventType
from shortlist.ranking.local import LocalRanker, checked_scores
from shortlist.ranking.tensors import ranker_tensors
from shortlist.release.bundle import Release
from shortlist.resilience.deadline import NEVER, Deadline
from support.retrieval_batches import histories
from support.tiny_release import HISTORY_LENGTH, SOURCES

WHENEVER = Deadline(NEVER)


def tensors_of(release: Release, rows: list[list[int]]) -> dict[str, AnyArray]:
    """Build what the tiny ranker takes for candidates that no source ranked."""
    shape = (len(rows), len(rows[0]), len(SOURCES))
    return ranker_tensors(
        release.manifest.ranker.inputs,
        release.manifest.features,
        histories([[4, 10]] * len(rows), length=HISTORY_LENGTH),
        np.zeros((len(rows), 5), np.float32),
        Candidates(np.array(rows, np.int32), np.zeros(shape, np.float32), np.zeros(shape, np.int32)),
        release.items.columns,
        release.catalogue.categories,
    )


@pytest.fixture
def ranker(tiny_release: Release) -> LocalRanker:
    """Open the tiny release's ranker."""
    return LocalRanker(tiny_release.ranker_path, tiny_release.manifest.ranker)


@pytest.mark.parametrize("rows", [[[5]], [[5, 6, 0], [7, 8, 9]]])
def test_every_candidate_of_every_request_gets_a_score(
    ranker: LocalRanker, tiny_release: Release, rows: list[list[int]]
) -> None:
    scores = ranker.score(tensors_of(tiny_release, rows), WHENEVER)
    assert scores.shape == (len(rows), len(rows[0]))
    assert scores.dtype == np.float32


def test_what_lies_near_the_history_scores_higher(ranker: LocalRanker, tiny_release: Release) -> None:
    # Rows 4, 10 and 16 are of one category, row 5 is of another.
    scores = ranker.score(tensors_of(tiny_release, [[16, 5]]), WHENEVER)
    assert scores[0, 0] > scores[0, 1]


def test_a_graph_that_fails_is_unavailable(ranker: LocalRanker, tiny_release: Release) -> None:
    tensors = tensors_of(tiny_release, [[5]])
    tensors["history_type"] = np.full_like(tensors["history_type"], max(EventType) + 1)
    with pytest.raises(UnavailableError, match="ranker"):
        ranker.score(tensors, WHENEVER)


def test_a_tensor_too_few_is_unavailable(ranker: LocalRanker, tiny_release: Release) -> None:
    tensors = tensors_of(tiny_release, [[5]])
    del tensors["history"]
    with pytest.raises(UnavailableError, match="history"):
        ranker.score(tensors, WHENEVER)


def test_a_file_that_is_no_model_is_refused(tiny_release: Release, tmp_path: Path) -> None:
    path = tmp_path / "ranker.onnx"
    path.write_bytes(b"nonsense")
    with pytest.raises(ReleaseRefusedError, match="the ranker does not load"):
        LocalRanker(path, tiny_release.manifest.ranker)


@pytest.mark.parametrize("shape", [(2, 3, 1), (2, 2), (3, 2), (6,)])
def test_scores_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UnavailableError, match="shape"):
        checked_scores(np.zeros(shape, np.float32), (2, 3))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_single_score_that_is_not_finite_refuses_all(poison: float) -> None:
    scores = np.zeros((2, 3), np.float32)
    scores[1, 2] = poison
    with pytest.raises(UnavailableError, match="not finite"):
        checked_scores(scores, (2, 3))


def test_good_scores_pass_untouched() -> None:
    scores = np.ones((2, 3), np.float32)
    assert checked_scores(scores, (2, 3)) is scores
