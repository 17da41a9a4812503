from pathlib import Path

import numpy as np
import pytest

from shortlist.core.errors import ReleaseRefusedError, UnavailableError
from shortlist.core.types import History
from shortlist.release.bundle import Release
from shortlist.retrieval.tower import QueryTower
from support.retrieval_batches import histories
from support.tiny_release import DIMENSION, HISTORY_LENGTH

DENSE = np.zeros((1, 5), np.float32)


@pytest.fixture
def tower(tiny_release: Release) -> QueryTower:
    """Open the tiny release's query tower."""
    return QueryTower(
        tiny_release.query_tower_path,
        tiny_release.manifest.query_tower,
        tiny_release.items.embeddings,
        HISTORY_LENGTH,
    )


def test_a_user_of_one_item_is_embedded_at_that_item(tower: QueryTower, tiny_release: Release) -> None:
    embedded = tower.embed(histories([[7]], length=HISTORY_LENGTH), DENSE)
    assert embedded.dtype == np.float32
    assert np.allclose(embedded[0], tiny_release.items.embeddings[7].astype(np.float32), atol=2e-3)


def test_a_user_of_whom_nothing_is_known_is_embedded_somewhere_finite(tower: QueryTower) -> None:
    embedded = tower.embed(History.empty(1, HISTORY_LENGTH), DENSE)
    assert embedded.shape == (1, DIMENSION)
    assert np.isfinite(embedded).all()


def test_events_beyond_the_release_s_history_length_are_not_seen(tower: QueryTower) -> None:
    longer = histories([[7] * HISTORY_LENGTH + [90]], length=HISTORY_LENGTH + 5)
    exact = histories([[7] * HISTORY_LENGTH], length=HISTORY_LENGTH)
    assert np.array_equal(tower.embed(longer, DENSE), tower.embed(exact, DENSE))


def test_a_file_that_is_no_model_is_refused(tiny_release: Release, tmp_path: Path) -> None:
    path = tmp_path / "query_tower.onnx"
    path.write_bytes(b"nonsense")
    with pytest.raises(ReleaseRefusedError, match="query tower does not load"):
        QueryTower(path, tiny_release.manifest.query_tower, tiny_release.items.embeddings, HISTORY_LENGTH)


def test_an_output_that_is_not_finite_is_unavailable(tiny_release: Release) -> None:
    poisoned = np.full_like(tiny_release.items.embeddings, np.nan)
    tower = QueryTower(tiny_release.query_tower_path, tiny_release.manifest.query_tower, poisoned, HISTORY_LENGTH)
    with pytest.raises(UnavailableError, match="not finite"):
        tower.embed(histories([[7]], length=HISTORY_LENGTH), DENSE)
