import numpy as np
import pytest
import torch

from shortlist.core.errors import InputError
from shortlist.core.types import Candidates, EventType, History
from shortlist.offline.columns import ITEM_COLUMNS
from shortlist.offline.ranker_lists import Lists
from shortlist.offline.ranker_training import Objective, RankerSettings, rating_loss, settled, train_ranker
from shortlist.offline.requests import Requests
from shortlist.offline.sources import SOURCE_NAMES
from shortlist.ranking.tensors import candidate_dense_names
from shortlist.release.catalogue import Catalogue
from shortlist.release.strings import StringTable

NAMES = candidate_dense_names(SOURCE_NAMES, ITEM_COLUMNS)
ROWS = 12
CATALOGUE = Catalogue(
    StringTable.pack([""] * ROWS),
    StringTable.pack(["", "even", "odd"]),
    np.array([[0], [0], *([1 + row % 2] for row in range(2, ROWS))], np.int32),
    np.ones(ROWS, np.float32),
)


def _lists(count: int = 40, width: int = 8) -> Lists:
    """Make lists whose candidate with the largest first dense column gets five stars; the last is padding."""
    random = np.random.default_rng(0)
    rows = np.stack([random.permutation(np.arange(2, ROWS))[:width] for _ in range(count)]).astype(np.int32)
    rows[:, -1] = 0
    dense = random.normal(size=(count, width, len(NAMES))).astype(np.float32)
    labels = np.zeros((count, width), np.bool_)
    labels[np.arange(count), dense[:, :-1, 0].argmax(axis=1)] = True
    history = History(
        random.integers(2, ROWS, (count, 5), dtype=np.int32),
        np.full((count, 5), int(EventType.CLICK), np.int32),
        np.ones((count, 5), np.float32),
    )
    user_dense = random.normal(size=(count, 5)).astype(np.float32)
    requests = Requests(np.arange(count, dtype=np.int32), np.zeros(count), history, user_dense)
    sources = np.zeros((count, width, len(SOURCE_NAMES)))
    candidates = Candidates(rows, sources.astype(np.float32), sources.astype(np.int32))
    return Lists(requests, candidates, dense, labels, np.where(labels, 5.0, 0.0).astype(np.float32))


def _settings(objective: Objective) -> RankerSettings:
    return RankerSettings(steps=60, learning_rate=1e-2, objective=objective)


@pytest.mark.parametrize("objective", ["cross-entropy", "squared-error"])
def test_either_objective_learns_what_is_bought_and_one_seed_gives_one_ranker(objective: Objective) -> None:
    lists = _lists()
    trained = train_ranker(lists, CATALOGUE, 5, _settings(objective), seed=1)
    again = train_ranker(lists, CATALOGUE, 5, _settings(objective), seed=1)
    assert trained.curve == again.curve
    assert trained.curve[-1] < 0.5 * trained.curve[0]
    with torch.no_grad():
        scores = trained.ranker(**lists.tensors(5)).numpy()
    assert (scores[:, :-1].argmax(axis=1) == lists.labels.argmax(axis=1)).mean() > 0.8


@pytest.mark.parametrize(
    ("asked", "has_ratings", "objective"),
    [
        ("auto", True, "squared-error"),
        ("auto", False, "cross-entropy"),
        ("cross-entropy", True, "cross-entropy"),
        ("squared-error", True, "squared-error"),
    ],
)
def test_a_log_of_ratings_is_learnt_by_squared_error_unless_asked_otherwise(
    asked: Objective, has_ratings: bool, objective: Objective
) -> None:
    assert settled(_settings(asked), has_ratings=has_ratings).objective == objective


def test_squared_error_without_ratings_is_one_sentence() -> None:
    with pytest.raises(InputError, match="the objective squared-error needs a log whose values are ratings"):
        settled(_settings("squared-error"), has_ratings=False)


def test_a_rating_weighs_more_than_none_and_padding_nothing() -> None:
    scores = torch.tensor([[0.5, 0.5, 9.0]])
    held = torch.tensor([[True, True, False]])
    ratings = torch.tensor([[1.0, 0.0, 0.0]])
    # (1 + 40 · 1) · 0.5² for the rated one and 1 · 0.5² for the other, over the weights 41 and 1.
    torch.testing.assert_close(rating_loss(scores, held, ratings), torch.tensor(0.25))
    moved = rating_loss(torch.tensor([[1.0, 0.5, 9.0]]), held, ratings)
    torch.testing.assert_close(moved, torch.tensor(0.25 / 42))


def test_a_loss_that_is_not_finite_stops_training_and_names_the_column() -> None:
    lists = _lists()
    lists.dense[7, 3, NAMES.index("ease_score")] = np.nan
    row = lists.candidates.rows[7, 3]
    cause = rf"candidate_dense ease_score of user 7 and item row {row} is nan"
    sentence = rf"^ranker, batch 1 of 60: the loss is nan, since {cause}$"
    with pytest.raises(InputError, match=sentence):
        train_ranker(lists, CATALOGUE, 5, _settings("cross-entropy"), seed=1)
